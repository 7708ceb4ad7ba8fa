from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    name = "approvals"
    label = "approvals"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.signals import user_left
        from approvals.receivers import close_what_they_asked

        user_left.connect(close_what_they_asked, dispatch_uid="approvals.close_what_they_asked")
