"""Figures of this portal on this machine: ``make bench``. Each prints a table and exits 1 when a promise is broken."""
