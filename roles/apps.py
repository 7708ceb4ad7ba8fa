from django.apps import AppConfig


class RolesConfig(AppConfig):
    name = "roles"
    label = "roles"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.signals import user_left
        from roles.connectors.portal import PortalConnector
        from roles.connectors.registry import register_connector
        from roles.models.directory import PORTAL_KIND
        from roles.receivers import end_what_they_held

        register_connector(PORTAL_KIND, PortalConnector)
        user_left.connect(end_what_they_held, dispatch_uid="roles.end_what_they_held")
