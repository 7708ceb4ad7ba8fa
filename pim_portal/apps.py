from typing import Any

from django.apps import AppConfig
from django.core import checks
from django.db.backends.signals import connection_created

#: statements whose plan a connection to PostgreSQL keeps; all pages together have some three hundred
KEPT = 400


class PimPortalConfig(AppConfig):
    name = "pim_portal"
    label = "pim_portal"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from pim_portal.checks import check_settings

        checks.register(check_settings, checks.Tags.security)
        connection_created.connect(keep_statements)


def keep_statements(connection: Any, **_signal: Any) -> None:
    """Let a new connection keep as many plans as there are statements: thrown out, each would be made anew."""
    if connection.vendor == "postgresql":
        connection.connection.prepared_max = KEPT
