"""Writing down fifty thousand items at once."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

from approvals.reviews.models import AccessReview, ReviewItem

AT_A_TIME = 1_000  # rows in one statement
#: what differs from item to item when a review opens; every other column begins alike
DIFFERS = (
    "role_id",
    "scope_id",
    "person_id",
    "group_id",
    "eligibility_id",
    "assignment_id",
    "group_assignment_id",
    "manager_id",
    "was_enabled",
    "members",
    "since",
    "used_at",
    "uses",
    "denied",
    "signed_in_at",
    "peers",
    "peers_with",
    "recommendation",
)


def write_items(items: Iterable[ReviewItem], review: AccessReview) -> None:
    """Save new items of a review. PostgreSQL takes them by COPY, in a tenth of the time.

    Args:
        items: made without asking the database anything: while it copies it answers nothing.
    """
    if connection.vendor != "postgresql":
        ReviewItem.objects.bulk_create(items, batch_size=AT_A_TIME)
        return
    sample = ReviewItem(review=review)
    fields = {one.attname: one for one in ReviewItem._meta.concrete_fields if not one.primary_key}
    alike = [one for name, one in fields.items() if name not in DIFFERS]
    said = [one.get_db_prep_save(one.pre_save(sample, True), connection) for one in alike]
    written = [*(fields[name] for name in DIFFERS), *alike]
    quoted = connection.ops.quote_name
    listed = ", ".join(quoted(str(one.column)) for one in written)
    statement = f"COPY {quoted(ReviewItem._meta.db_table)} ({listed}) FROM STDIN"
    with connection.cursor() as cursor, connection.wrap_database_errors:
        with cursor.copy(statement) as copy:
            for item in items:
                copy.write_row([*(getattr(item, name) for name in DIFFERS), *said])
        # What the rows point at is looked up now: at the end of the transaction everybody who writes would wait for it.
        connection.check_constraints()
