from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_passkeys")]

    operations = [
        migrations.AddConstraint(
            "user",
            models.CheckConstraint(
                condition=models.Q(kind="person") | models.Q(password__startswith="!"),  # noqa: S106
                name="service_has_no_password",
            ),
        ),
    ]
