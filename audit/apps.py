from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "audit"
    label = "audit"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from simple_history.signals import post_create_historical_record

        from audit.receivers import copy_history

        post_create_historical_record.connect(copy_history, dispatch_uid="audit.copy_history")
