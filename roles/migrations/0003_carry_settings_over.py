"""What role settings said before they could be inherited, said in the new way; the tree of scopes; the protected duties."""

from django.db import migrations

PROTECTED = ("global_administrator", "privileged_role_administrator")


def carry_over(apps, schema_editor):
    settings = apps.get_model("roles", "RoleSettings").objects
    settings.filter(factor_minutes=None).update(factor="none")
    settings.filter(factor_minutes=0).update(factor="every_time", factor_minutes=None)
    settings.filter(factor_minutes__gt=0).update(factor="recent")
    settings.filter(approval_required=True).update(names_approvers=True)
    duties = {"directory__kind": "portal", "entitlement__in": PROTECTED}
    apps.get_model("roles", "Role").objects.filter(**duties).update(least_holders=1)
    settings.filter(role__directory__kind="portal", role__entitlement__in=PROTECTED).update(
        active_permanent=True
    )
    scopes = apps.get_model("roles", "Scope").objects
    waiting = list(scopes.filter(parent=None))
    while waiting:
        scope = waiting.pop()
        beneath = f"{scope.lineage}{scope.pk}/"
        for child in scopes.filter(parent=scope):
            child.lineage = beneath
            scopes.filter(pk=child.pk).update(lineage=beneath)
            waiting.append(child)


class Migration(migrations.Migration):
    dependencies = [("roles", "0002_inherited_settings_and_groups")]

    operations = [migrations.RunPython(carry_over, migrations.RunPython.noop)]
