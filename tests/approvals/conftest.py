"""Fixtures for asking and answering."""

from tests.factories.connectors import vault  # noqa: F401
