from django.db import migrations, models


class Migration(migrations.Migration):
    """Indexes in the orders in which lists are read."""

    dependencies = [("accounts", "0005_service_principals")]

    operations = [
        migrations.AddIndex(
            model_name="user",
            index=models.Index(fields=["kind", "display_name", "email", "id"], name="person_by_name"),
        ),
        migrations.AddIndex(
            model_name="notification",
            index=models.Index(fields=["person", "-created_at", "-id"], name="notification_newest"),
        ),
    ]
