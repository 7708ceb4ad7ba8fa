from django.apps import AppConfig


class RolesConfig(AppConfig):
    name = "roles"
    label = "roles"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.duties import ALERT_KEEPERS
        from accounts.signals import user_left
        from audit.alerts.alerting import also_told
        from roles.connectors.portal import PortalConnector
        from roles.connectors.registry import register_connector
        from roles.models.directory import PORTAL_KIND
        from roles.permissions import people_with_duty
        from roles.receivers import end_what_they_held

        register_connector(PORTAL_KIND, PortalConnector)
        also_told.append(lambda: people_with_duty(*ALERT_KEEPERS))
        user_left.connect(end_what_they_held, dispatch_uid="roles.end_what_they_held")
