import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

KIND = {
    "choices": [("person", "Person"), ("service", "Service principal")],
    "default": "person",
    "editable": False,
    "help_text": "A service principal is a program: it never signs in, and its manager answers for it.",
    "max_length": 10,
}
BREAK_GLASS = {
    "default": False,
    "editable": False,
    "help_text": "For the day when nothing else works. Its every use raises an alarm.",
    "verbose_name": "Break-glass account",
}


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_authenticators")]

    operations = [
        *(
            operation
            for model in ("user", "historicaluser")
            for operation in (
                migrations.AddField(model, "kind", models.CharField(**KIND)),
                migrations.AddField(model, "is_break_glass", models.BooleanField(**BREAK_GLASS)),
            )
        ),
        migrations.AddConstraint(
            "user",
            models.CheckConstraint(
                condition=models.Q(kind="person") | models.Q(is_break_glass=False),
                name="break_glass_is_a_person",
            ),
        ),
        migrations.AddField(
            "notification",
            "address",
            models.EmailField(
                blank=True,
                default="",
                help_text="where it goes that has no person in the portal",
                max_length=254,
            ),
            preserve_default=False,
        ),
        migrations.AlterField(
            "notification",
            "person",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="notifications",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            "notification",
            models.CheckConstraint(
                condition=models.Q(person__isnull=False, address="")
                | (models.Q(person__isnull=True) & ~models.Q(address="")),
                name="notification_has_one_recipient",
            ),
        ),
    ]
