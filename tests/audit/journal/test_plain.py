"""What is written into the journal reads back as it was digested, from both databases, and carries no secret."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from django.utils.translation import gettext_lazy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.journal.actor import PORTAL, Actor
from audit.journal.models import AuditEvent, Outcome
from audit.journal.plain import HIDDEN, one_line, plain, storable, visible, without_secrets
from audit.journal.recording import Entry, record, record_all
from audit.journal.verifying import verify_journal

CANARY = "canary-7c1f"
text = st.text(alphabet=st.characters(codec=None), max_size=20)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | text
    | st.decimals()
    | st.timedeltas()
    | st.datetimes(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(text | st.integers(), inside, max_size=3),
    max_leaves=8,
)


@pytest.mark.django_db
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(detail=st.dictionaries(text, values, max_size=4), justification=text, name=text)
def test_I5_whatever_is_recorded_holds_after_the_database_has_had_it(
    detail: dict[str, Any], justification: str, name: str
) -> None:
    record("thing.happened", actor=PORTAL.known_as(name or "x"), justification=justification, detail=detail)
    verdict = verify_journal()
    assert verdict.holds, verdict.why


@pytest.mark.django_db
@pytest.mark.parametrize(
    "value",
    [
        1e16,
        1e-9,
        -0.0,
        1e300,
        float("nan"),
        float("inf"),
        2**63,
        10**40,
        0.1,
        100.0,
        {2: "b", 10: "a"},
        "a\x00b",
        "\ud800",
    ],
    ids=repr,
)
def test_numbers_and_texts_that_databases_write_otherwise_do_not_break_the_chain(value: Any) -> None:
    record("thing.happened", actor=PORTAL, detail={"value": value})
    verdict = verify_journal()
    assert verdict.holds, verdict.why


@pytest.mark.django_db
def test_names_longer_than_their_columns_are_cut_and_do_not_stop_the_act() -> None:
    long = "x" * 1000
    actor = Actor(name=long, address=long, agent=long + "\r\nSet-Cookie: a=b")
    event = record("thing.happened", actor=actor, directory=long, role=long)
    event.refresh_from_db()
    assert len(event.actor_name) == len(event.directory) == len(event.role) == 200
    assert verify_journal().holds


def test_values_become_plain() -> None:
    paris = timezone(timedelta(hours=1))
    said = plain(
        {
            1: Outcome.REFUSED,
            "at": datetime(2026, 11, 18, 14, 20, tzinfo=paris),
            "lazy": gettext_lazy("Refused"),
            "cost": Decimal("1.50"),
            "for": timedelta(hours=4),
            "set": {"b", "a"},
            "tuple": (1, None, True),
        }
    )
    assert said == {
        "1": "refused",
        "at": datetime(2026, 11, 18, 13, 20, tzinfo=UTC).isoformat(),
        "lazy": "Refused",
        "cost": "1.50",
        "for": "14400 s",
        "set": ["a", "b"],
        "tuple": [1, None, True],
    }


@pytest.mark.parametrize(
    "detail",
    [
        {"password": CANARY},
        {"new_password1": CANARY},
        {"connection": {"host": "db", "secret": CANARY}},
        {"fields": {"api_token": {"from": "", "to": CANARY}}},
        {"steps": [{"credentials": CANARY}]},
        {"why": f"could not reach postgresql://portal:{CANARY}@db.example.test/portal"},
    ],
    ids=str,
)
@pytest.mark.django_db
def test_I6_secrets_do_not_get_into_the_journal(detail: dict[str, Any]) -> None:
    event = record("thing.happened", actor=PORTAL, detail=detail)
    event.refresh_from_db()
    assert CANARY not in str(event.body())
    assert HIDDEN in str(event.body())


def test_what_is_no_secret_stays() -> None:
    said = {"person_key": "4711", "passed": 3, "url": "https://example.test/a:b@c", "author": "Kim"}
    assert without_secrets(said) == said


def test_I5_texts_that_read_as_what_they_are_not_are_written_out() -> None:
    assert visible("a\u202eb\x1b[31m\r\n\tc") == "a\\u202eb\\u001b[31m\r\n\tc"
    assert one_line(" a\r\nb\u2028c\x00d\u202e ") == "a b c\ufffdd"
    assert one_line("x" * 10, most=5) == "xxxx…"
    assert storable("a\x00\ud800b") == "a\ufffd\ufffdb"


@pytest.mark.django_db
def test_a_moment_is_digested_in_utc_whatever_zone_it_is_read_in() -> None:
    [event] = record_all([Entry("thing.happened", PORTAL)])
    again = AuditEvent.objects.get()
    again.at = again.at.astimezone(timezone(timedelta(hours=5)))
    assert again.body() == event.body()
