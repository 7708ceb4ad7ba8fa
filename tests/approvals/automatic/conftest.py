"""It is noon on a Monday in all of these tests."""

from tests.approvals.conftest import clock  # noqa: F401
from tests.factories.connectors import vault  # noqa: F401
