"""The book everyone writes in: append-only, numbered, digested."""
