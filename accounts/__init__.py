"""People: who they are, how surely we know it, how they are reached."""
