from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "audit"
    label = "audit"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from simple_history.signals import post_create_historical_record

        from audit.alerts.break_glass import sound_alarms
        from audit.journal.signals import recorded
        from audit.receivers import copy_history

        post_create_historical_record.connect(copy_history, dispatch_uid="audit.copy_history")
        recorded.connect(sound_alarms, dispatch_uid="audit.sound_alarms")
