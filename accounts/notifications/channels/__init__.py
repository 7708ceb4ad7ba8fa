"""Ways out of the portal to a person."""
