"""The readers of the book: describing, downloading, alerts."""
