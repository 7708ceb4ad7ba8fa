"""People asking and people answering."""
