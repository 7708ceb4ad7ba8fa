from django.apps import AppConfig
from django.core import checks


class PimPortalConfig(AppConfig):
    name = "pim_portal"
    label = "pim_portal"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from pim_portal.checks import check_settings

        checks.register(check_settings, checks.Tags.security)
