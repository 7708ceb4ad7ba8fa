from django.db import migrations, models

from roles.models.lasting import Until


class Migration(migrations.Migration):
    """Indexes in the orders in which lists are read, so that a page costs the same however long the list is."""

    dependencies = [("roles", "0004_guard")]

    operations = [
        migrations.AddIndex(
            model_name="assignment",
            index=models.Index(
                Until("ends_at"),
                models.F("id"),
                condition=models.Q(("status", "ended"), _negated=True),
                name="assignment_ends_first",
            ),
        ),
        migrations.AddIndex(
            model_name="assignment",
            index=models.Index(
                condition=models.Q(("status", "ended")),
                fields=["person", "-ended_at"],
                name="assignment_past_of_person",
            ),
        ),
        migrations.AddIndex(
            model_name="eligibility",
            index=models.Index(
                Until("ends_at"),
                models.F("id"),
                condition=models.Q(("status__in", ["scheduled", "in_force"])),
                name="eligibility_ends_first",
            ),
        ),
        migrations.RemoveIndex(model_name="eligibility", name="eligibility_expired"),
        migrations.AddIndex(
            model_name="eligibility",
            index=models.Index(fields=["-ends_at", "-id"], name="eligibility_over"),
        ),
        migrations.AddIndex(
            model_name="groupassignment",
            index=models.Index(
                condition=models.Q(("status", "ended"), _negated=True),
                fields=["-starts_at", "-id"],
                name="group_assignment_newest",
            ),
        ),
        migrations.AddIndex(
            model_name="groupassignment",
            index=models.Index(
                Until("ends_at"),
                models.F("id"),
                condition=models.Q(("status", "ended"), _negated=True),
                name="group_assignment_ends_first",
            ),
        ),
        migrations.AddIndex(
            model_name="groupassignment",
            index=models.Index(
                condition=models.Q(("status", "ended")),
                fields=["-ended_at", "-id"],
                name="group_assignment_ended",
            ),
        ),
    ]
