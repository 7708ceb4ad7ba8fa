from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("roles", "0003_carry_settings_over")]

    operations = [
        migrations.CreateModel(
            name="HolderGuard",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("turns", models.BigIntegerField(default=0, help_text="how often somebody stood in line")),
            ],
            options={"default_permissions": ()},
        ),
    ]
