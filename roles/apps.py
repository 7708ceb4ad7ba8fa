from django.apps import AppConfig


class RolesConfig(AppConfig):
    name = "roles"
    label = "roles"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from functools import partial

        from django.core import checks
        from django.db.models.signals import post_delete, post_migrate, post_save, pre_migrate

        from accounts.duties import ALERT_KEEPERS
        from accounts.models import Group
        from accounts.signals import user_leaving, user_left, user_losing_factors, user_named_break_glass
        from audit.alerts.alerting import also_told
        from audit.journal.refusing import SAID_BY_DATABASE
        from roles import guarding, triggers
        from roles.by_hand import ByHandConnector
        from roles.connectors.groups import GroupsConnector
        from roles.connectors.portal import PortalConnector
        from roles.connectors.registry import register_connector
        from roles.connectors.webhook import WebhookConnector
        from roles.models.directory import BY_HAND_KIND, GROUPS_KIND, PORTAL_KIND
        from roles.permissions import people_with_duty
        from roles.posting import post
        from roles.receivers import end_roles_of_group, end_what_they_held, rename_roles_of_group

        register_connector(PORTAL_KIND, PortalConnector)
        register_connector(GROUPS_KIND, GroupsConnector)
        register_connector(BY_HAND_KIND, ByHandConnector)
        register_connector("webhook", partial(WebhookConnector, send=post))
        post_save.connect(rename_roles_of_group, sender=Group, dispatch_uid="roles.rename_roles_of_group")
        post_delete.connect(end_roles_of_group, sender=Group, dispatch_uid="roles.end_roles_of_group")
        also_told.append(lambda: people_with_duty(*ALERT_KEEPERS))
        user_left.connect(end_what_they_held, dispatch_uid="roles.end_what_they_held")

        SAID_BY_DATABASE[triggers.SENTENCE] = guarding.LastHolder
        pre_migrate.connect(triggers.remove_before_migrate, sender=self)
        post_migrate.connect(triggers.install_after_migrate, sender=self)
        checks.register(triggers.check_triggers, checks.Tags.database)
        user_leaving.connect(guarding.answer_leaving, dispatch_uid="roles.answer_leaving")
        user_losing_factors.connect(
            guarding.answer_losing_factors, dispatch_uid="roles.answer_losing_factors"
        )
        user_named_break_glass.connect(guarding.answer_break_glass, dispatch_uid="roles.answer_break_glass")
