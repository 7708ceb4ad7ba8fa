"""Pages of role settings."""
