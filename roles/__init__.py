"""Directories, roles and assignments: what exists, who may hold it, who holds it now."""
