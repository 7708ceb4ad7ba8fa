"""Things to test with."""
