"""Decisions by rule instead of by a person: each judged on the requested role alone, stored with its inputs, and visible."""
