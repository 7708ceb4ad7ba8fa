from django.apps import AppConfig
from django.core import checks
from django.db.models.signals import post_migrate


class JournalConfig(AppConfig):
    name = "audit.journal"
    label = "journal"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from audit.journal.triggers import check_triggers, install_after_migrate

        post_migrate.connect(install_after_migrate, sender=self)
        checks.register(check_triggers, checks.Tags.database)
