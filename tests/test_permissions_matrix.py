"""Who may open and who may send to what: every address of the portal, for everybody of the cast and for nobody (E1, S13).

The addresses come from the URL configuration: a new one without a line here fails. Everything sent is an empty form; what
a filled-in form does is tested where the page is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.http.cookie import SimpleCookie
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse
from django.utils import timezone

from accounts.models import Absence, Notification
from approvals.hooks.signing import keep_secret
from approvals.models import (
    AutomaticDecision,
    AutomaticRule,
    Calendar,
    Hook,
    RoleSet,
    SettingsChange,
    SettingsTemplate,
)
from audit.alerts.alerting import raise_alert
from audit.journal.actor import PORTAL
from audit.journal.models import AuditEvent
from roles.connectors.signing import new_secret
from roles.models import Drift, HandTask, RoleSettings, Scope, SeparationRule
from roles.spreading import begin_group_assignment
from tests.cast import Cast
from tests.factories.connectors import Vault, vault  # noqa: F401
from tests.factories.emergencies import rush
from tests.factories.pages import signed_in
from tests.factories.people import make_group
from tests.factories.reviews import make_series, open_run
from tests.factories.roles import activate, ask, make_eligibility, make_role

pytestmark = pytest.mark.django_db

WHO = ("nobody", "employee", "approver", "second_approver", "administrator", "auditor", "outsider", "root")
GATE, GOES_ON = 302, 303  # to the sign-in page; anywhere else (whatever the redirect's own status)

EMPTY = {"csrfmiddlewaretoken": "x"}  # a form in which nothing is filled in

Line = tuple[int, ...]


def all_of(status: int, *, nobody: int = GATE) -> Line:
    """The same for everybody who is signed in."""
    return (nobody, *[status] * 7)


def duty(administrator: int, auditor: int, others: int = 404) -> Line:
    """For those with a duty, and for the others."""
    return (GATE, others, others, others, administrator, auditor, others, others)


MINE = (GATE, 200, 404, 404, 404, 404, 404, 404)  # the employee's own, and not there for anybody else

ASKED = (GATE, 404, 200, 404, 404, 404, 404, 404)  # the approver's alone

#: URL name: what opening it answers, and what sending an empty form to it answers, in the order of WHO
EXPECTED: dict[str, tuple[Line, Line]] = {
    "home": (all_of(200), all_of(405)),
    "health": ((503,) * 8, (405,) * 8),
    # signing in and proving oneself
    "sign_in": (all_of(GOES_ON, nobody=200), (422,) * 8),
    "sign_in_code": ((GATE,) * 8, (GATE,) * 8),
    "sign_out": ((405,) * 8, (GATE,) * 8),
    "step_up": (all_of(200), all_of(422)),
    "accept_invitation": ((404,) * 8, (404,) * 8),
    "enrol_factor": (all_of(GOES_ON), all_of(GOES_ON)),
    "enrol_passkey": (all_of(GOES_ON), all_of(GOES_ON)),
    "passkey_challenge": ((405,) * 8, all_of(422)),
    "second_factors": (all_of(200), all_of(200)),
    "change_password": (all_of(200), all_of(422)),
    # what the portal told me
    "inbox": (all_of(200), all_of(GOES_ON)),
    "notification": (MINE, all_of(405)),
    # looking after people
    "people": (duty(200, 404), duty(405, 404)),
    "person": (duty(200, 404), duty(405, 404)),
    "invite_person": (duty(200, 404), duty(422, 404)),
    "disable_person": (duty(405, 404), duty(422, 404)),
    "enable_person": (duty(405, 404), duty(422, 404)),
    "name_break_glass": (duty(405, 405, 405), duty(422, 404)),
    "unname_break_glass": (duty(405, 405, 405), duty(422, 404)),
    "invite_again": (duty(405, 404), duty(422, 404)),
    "help_person": (duty(200, 404), duty(422, 404)),
    "person_away": (duty(200, 404), duty(422, 404)),
    "away": (all_of(200), all_of(422)),
    "end_absence": (all_of(405), (GATE, 404, GOES_ON, 404, GOES_ON, 404, 404, 404)),
    "add_service": (duty(200, 404), duty(422, 404)),
    # what there is
    "directories": (duty(200, 200), all_of(405)),
    "directory": (duty(200, 200), all_of(405)),
    "connect_directory": (duty(200, 404), all_of(405)),
    "connect_kind": (duty(200, 404), duty(422, 404)),
    "connection": (duty(200, 403), all_of(405)),
    "change_connection": (duty(200, 403), duty(422, 403)),
    "choose_roles": (all_of(405), duty(422, 403)),
    "look_into": (all_of(405), duty(GOES_ON, 403)),
    "directory_health": (duty(GOES_ON, GOES_ON), all_of(405)),
    "compare_directory": (all_of(405), duty(GOES_ON, 403)),
    "directory_drift": (duty(200, 200), all_of(405)),
    "drift": (duty(200, 200), duty(422, 403)),
    "settle_together": (all_of(405), duty(GOES_ON, 403)),
    "directory_dry_run": (duty(200, 200), all_of(405)),
    "manage_directory": (all_of(405), duty(422, 403)),  # it was never compared
    "observe_directory": (all_of(405), duty(422, 403)),  # a right of the portal stands there
    "directory_answers": (duty(200, 200), duty(422, 403)),
    "add_scope": (duty(200, 403), duty(422, 403)),
    "rename_scope": (duty(200, 403), duty(422, 403)),
    "tasks": (duty(200, 200), all_of(405)),
    "task": (duty(200, 200), duty(422, 403)),
    "groups": (duty(200, 200), all_of(405)),
    "group": (duty(200, 200), all_of(405)),
    "manage_group": (duty(200, 403), duty(GOES_ON, 403)),
    # asking, deciding, holding
    "my_roles": (all_of(200), all_of(405)),
    "activate": (MINE, (GATE, 422, 404, 404, 404, 404, 404, 404)),
    "activate_in_emergency": (MINE, (GATE, 422, 404, 404, 404, 404, 404, 404)),
    "star_role": (all_of(405), (GATE, GOES_ON, 404, 404, 404, 404, 404, 404)),
    "unstar_role": (all_of(405), (GATE, GOES_ON, 404, 404, 404, 404, 404, 404)),
    "activate_together": (all_of(GOES_ON), all_of(GOES_ON)),
    "activated_together": (all_of(GOES_ON), all_of(405)),
    "new_role_set": (all_of(405), all_of(GOES_ON)),
    "role_set": (MINE, (GATE, 422, 404, 404, 404, 404, 404, 404)),
    "remove_role_set": (all_of(405), (GATE, GOES_ON, 404, 404, 404, 404, 404, 404)),
    "longer": (MINE, (GATE, 422, 404, 404, 404, 404, 404, 404)),
    "my_requests": (all_of(200), all_of(405)),
    "request_page": ((GATE, 200, 200, 200, 200, 200, 404, 404), all_of(405)),
    "cancel_request": (
        (GATE, GOES_ON, GOES_ON, GOES_ON, GOES_ON, GOES_ON, 404, 404),
        (GATE, GOES_ON, 403, 403, GOES_ON, 403, 404, 404),
    ),
    "decide": (
        (GATE, GOES_ON, GOES_ON, GOES_ON, GOES_ON, GOES_ON, 404, 404),
        (GATE, 422, 422, 422, 422, 422, 404, 404),
    ),
    "ask_back": (all_of(405), (GATE, 403, 422, 422, 403, 403, 404, 404)),
    "answer_question": (all_of(405), (GATE, 409, 403, 403, 403, 403, 404, 404)),
    "to_decide": (all_of(200), all_of(405)),
    "decide_together": (all_of(GOES_ON), all_of(GOES_ON)),
    "assignments": (duty(200, 200), all_of(405)),
    "download_assignments": (duty(200, 200), all_of(405)),
    "assign": (duty(200, 403), duty(422, 403)),
    "deactivate": (
        (GATE, GOES_ON, 404, 404, 404, 404, 404, 404),
        (GATE, GOES_ON, 404, 404, 404, 404, 404, 404),
    ),
    **{
        f"{verb}_{noun}": (duty(200, 404), duty(422, 404))
        for verb in ("update", "extend", "renew", "remove")
        for noun in ("eligibility", "assignment", "group_assignment")
    },
    "make_eligibility_active": (duty(200, 404), duty(422, 404)),
    "make_assignment_eligible": (duty(200, 404), duty(422, 404)),
    "make_group_assignment_eligible": (duty(200, 404), duty(422, 404)),
    "assignments_bulk": (duty(GOES_ON, 403), duty(GOES_ON, 403)),
    "import_assignments": (duty(200, 403), duty(422, 403)),
    "copy_eligibilities": (duty(200, 404), duty(422, 404)),
    "end_everything": (duty(200, 404), duty(422, 404)),
    **{
        f"{verb}_my_{noun}": (MINE, (GATE, 422, 404, 404, 404, 404, 404, 404))
        for verb in ("extend", "renew")
        for noun in ("eligibility", "assignment")
    },
    # role settings
    "role_settings_list": (duty(200, 200), all_of(405)),
    "portal_settings": (duty(200, 200), duty(422, 403)),
    "directory_settings": (duty(200, 200), duty(422, 403)),
    "role_settings": (duty(200, 200), duty(422, 403)),
    "scope_settings": (duty(200, 200), duty(422, 403)),
    "settings_preview": (all_of(405), duty(422, 403)),
    "try_settings": (all_of(405), duty(422, 403)),
    "compare_settings": (duty(200, 200), all_of(405)),
    "bulk_settings": (duty(200, 403), duty(422, 403)),
    "settings_templates": (duty(200, 200), all_of(405)),
    "new_settings_template": (duty(200, 403), duty(422, 403)),
    "settings_template": (duty(200, 403), duty(422, 403)),
    "delete_settings_template": (all_of(405), duty(GOES_ON, 403)),
    "apply_template": (duty(200, 403), duty(422, 403)),
    "settings_changes": (duty(200, 200), all_of(405)),
    "settings_change": (duty(200, 200), duty(422, 422)),
    # decisions by rule
    "automatic_rules": (duty(200, 200), all_of(405)),
    "new_automatic_rule": (duty(200, 403), duty(422, 403)),
    "automatic_rule": (duty(200, 200), all_of(405)),
    "new_rule_version": (duty(200, 403), duty(422, 403)),
    "retire_rule": (all_of(405), duty(422, 403)),
    "calendars": (duty(200, 200), all_of(405)),
    "new_calendar": (duty(200, 403), duty(422, 403)),
    "calendar": (duty(200, 403), duty(422, 403)),
    "fetch_calendar": (all_of(405), duty(GOES_ON, 403)),
    "remove_calendar": (all_of(405), duty(GOES_ON, 403)),
    "automatic_decisions": (duty(200, 200), all_of(405)),
    "automatic_decision": (duty(200, 200), duty(200, 200)),
    # web hooks
    "hooks": (duty(200, 200), all_of(405)),
    "new_hook": (duty(200, 403), duty(422, 403)),
    "hook": (duty(200, 403), duty(422, 403)),
    "new_hook_secret": (all_of(405), duty(422, 403)),
    "try_hook": (all_of(405), duty(200, 403)),
    "remove_hook": (all_of(405), duty(422, 403)),
    # what may not be held together
    "separation": (duty(200, 200), all_of(405)),
    "new_separation_rule": (duty(200, 403), duty(422, 403)),
    "separation_rule": (duty(200, 403), duty(422, 403)),
    "remove_separation_rule": (all_of(405), duty(GOES_ON, 403)),
    # what was activated past approval
    "emergencies": ((GATE, 200, 200, 404, 200, 200, 404, 404), all_of(405)),
    "emergency": (
        (GATE, 200, 200, 404, 200, 200, 404, 404),
        (GATE, 403, 422, 404, 422, 403, 404, 404),
    ),
    "end_emergency": (all_of(405), (GATE, 403, 403, 404, 422, 403, 404, 404)),
    # access reviews: Dana leads one, in which Kim is asked about Robin
    "reviews": (duty(200, 200), all_of(405)),
    "new_review": (duty(200, 404), duty(422, 404)),
    "review_series": (duty(200, 200), duty(422, 403)),
    "delete_review_series": (duty(200, 403), duty(422, 403)),
    "hand_over_review": (duty(200, 403), duty(422, 403)),
    "change_review": (duty(200, 403), duty(409, 403)),
    "review_history": (duty(200, 200), all_of(405)),
    "review": (duty(200, 200), all_of(405)),
    "review_progress": (duty(GOES_ON, GOES_ON), all_of(405)),
    "remind_review": (all_of(405), duty(GOES_ON, 403)),
    **{
        name: (all_of(405), duty(422, 403))
        for name in ("next_review_stage", "stop_review", "reset_review", "release_review", "try_review_again")
    },
    **{
        name: (duty(200, 200), all_of(405)) for name in ("review_results", "download_review", "review_report")
    },
    "to_review": (all_of(200), all_of(405)),
    "review_work": (ASKED, all_of(405)),
    "answer_several": (all_of(405), (GATE, 404, 422, 404, 404, 404, 404, 404)),
    "follow_recommendations": (ASKED, (GATE, 404, 422, 404, 404, 404, 404, 404)),
    "answer_item": (all_of(405), (GATE, 404, 422, 404, 404, 404, 404, 404)),
    "take_back_answer": (all_of(405), (GATE, 404, 409, 404, 404, 404, 404, 404)),
    # reading what happened
    "mutual_approvals": (duty(200, 200), all_of(405)),
    "journal": (duty(200, 200), all_of(405)),
    "audit_event": ((GATE, 200, 404, 404, 200, 200, 404, 404), all_of(405)),
    "download_journal": (duty(200, 200), all_of(405)),
    "my_audit": (all_of(200), all_of(405)),
    "download_my_audit": (all_of(200), all_of(405)),
    "alerts": (duty(200, 200), all_of(405)),
    "alert_act": (all_of(405), duty(GOES_ON, 403)),
}


ABOUT_A_REVIEW = (
    "review",
    "review_progress",
    "change_review",
    "remind_review",
    "next_review_stage",
    "stop_review",
    "reset_review",
    "release_review",
    "try_review_again",
    "review_results",
    "download_review",
    "review_report",
    "review_work",
    "answer_several",
    "follow_recommendations",
)


def names_in(patterns: list[Any]) -> Iterator[str]:
    """The name of every address outside the admin site."""
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            assert pattern.name, f"{pattern.pattern} has no name"
            yield pattern.name
        elif pattern.namespace != "admin":
            yield from names_in(pattern.url_patterns)


def admin_paths() -> list[str]:
    """Every address of the admin site that stands for itself or for the role settings made here."""
    settings = RoleSettings.objects.get(role__name="Operator")
    [site] = [one for one in get_resolver().url_patterns if getattr(one, "namespace", "") == "admin"]
    paths = []
    for pattern in every_pattern(site.url_patterns):
        name = f"admin:{pattern.name}" if pattern.name else ""
        if name and not pattern.pattern.regex.groups:
            paths.append(reverse(name))
    for what in ("change", "delete", "history"):
        paths.append(reverse(f"admin:roles_rolesettings_{what}", args=[settings.pk]))
    return paths


def every_pattern(patterns: list[Any]) -> Iterator[URLPattern]:
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            yield pattern
        else:
            yield from every_pattern(pattern.url_patterns)


@pytest.fixture
def arguments(cast: Cast, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:  # noqa: F811
    """Something of the employee's for every address that is about one thing."""
    free = make_eligibility(make_role(vault.row), cast.employee)
    held = activate(make_eligibility(make_role(vault.row, "Reader"), cast.employee), cast.employee)
    guarded = make_role(vault.row, "Owner", approvers=[cast.approver, cast.second_approver])
    filed = ask(make_eligibility(guarded, cast.employee), cast.employee)
    rescue = make_role(vault.row, "Rescuer", approvers=[cast.approver], emergency_allowed=True)
    use = rush(make_eligibility(rescue, cast.employee), cast.employee)
    alert = raise_alert("test", key="one", severity="low", title="A low one", actor=PORTAL)
    told = Notification.objects.create(
        person=cast.employee, notice="test", subject="Something", text="Something"
    )
    entry = AuditEvent.objects.filter(about=cast.employee).first()
    assert entry is not None
    below = Scope.objects.create(
        directory=vault.row, parent=vault.row.root_scope(), name="Below", path="/below"
    )
    by_hand = HandTask.objects.create(
        act="give", role=guarded, scope=vault.row.root_scope(), account="robin", person=cast.employee
    )
    team = make_group("Team", cast.employee)
    tomorrow = timezone.now() + timedelta(days=1)
    away = Absence.objects.create(
        person=cast.approver,
        deputy=cast.outsider,
        starts_at=tomorrow,
        ends_at=tomorrow + timedelta(days=1),
    )
    shared = begin_group_assignment(
        guarded,
        actor=PORTAL,
        group=make_group("Night shift", cast.outsider),
        scope=vault.row.root_scope(),
        starts_at=timezone.now(),
        ends_at=timezone.now() + timedelta(days=1),
    )
    template = SettingsTemplate.objects.create(name="Template", max_minutes=60)
    hook = Hook(
        key="ticket-check", name="Ticket check", url="http://127.0.0.1:9/"
    )  # an address it never calls
    keep_secret(hook, new_secret())
    hook.save()
    about_a_template = ("settings_template", "delete_settings_template", "apply_template")
    kept = RoleSet.objects.create(person=cast.employee, name="Monday release")
    rule = AutomaticRule.objects.create(
        key="risk",
        name="Risk",
        verdict="deny",
        conditions=[{"kind": "risk", "must_hold": False, "most": "low"}],
    )
    decided = AutomaticDecision.objects.create(access_request=filed, rule=rule, verdict="deny")
    calendar = Calendar.objects.create(key="emea", name="EMEA", url="https://10.0.0.1/emea.ics")
    kept_apart = SeparationRule.objects.create(name="Apart", reason="Because.", is_on=False)
    series = make_series(cast.administrator, cast.approver, roles=[free.role])
    review = open_run(series)
    proposed = SettingsChange.objects.create(level="role", role=guarded, proposer=cast.approver)
    about_a_person = (
        "person",
        "disable_person",
        "enable_person",
        "invite_again",
        "help_person",
        "person_away",
        "name_break_glass",
        "unname_break_glass",
    )
    differs = Drift.objects.create(
        directory=vault.row, role=free.role, kind=Drift.Kind.FOUND_OUTSIDE, account="kim"
    )
    about_a_directory = (
        "directory",
        "directory_health",
        "compare_directory",
        "directory_drift",
        "settle_together",
        "directory_dry_run",
        "manage_directory",
        "observe_directory",
        "directory_answers",
    )
    about_a_hook = ("hook", "new_hook_secret", "try_hook", "remove_hook")
    return {name: [cast.employee.pk] for name in about_a_person} | {
        **{name: [hook.pk] for name in about_a_hook},
        "accept_invitation": ["no-such-link"],
        "connect_kind": ["postgresql"],
        **{name: [vault.row.pk] for name in ("connection", "change_connection", "choose_roles")},
        "look_into": [vault.row.pk, "check"],
        **{name: [vault.row.pk] for name in about_a_directory},
        "drift": [vault.row.pk, differs.pk],
        "task": [by_hand.pk],
        "add_scope": [vault.row.pk],
        "rename_scope": [vault.row.pk, below.pk],
        "group": [team.pk],
        "manage_group": [team.pk],
        "notification": [told.pk],
        "activate": [free.pk],
        **{name: [free.pk] for name in ("activate_in_emergency", "star_role", "unstar_role")},
        **{name: [use.pk] for name in ("emergency", "end_emergency")},
        **{name: [kept.pk] for name in ("role_set", "remove_role_set")},
        "longer": [held.pk],
        "request_page": [filed.pk],
        "cancel_request": [filed.pk],
        "decide": [filed.pk],
        "ask_back": [filed.pk],
        "answer_question": [filed.pk],
        "end_absence": [away.pk],
        "deactivate": [held.pk],
        **{f"{verb}_eligibility": [free.pk] for verb in ("update", "extend", "renew", "remove")},
        **{f"{verb}_assignment": [held.pk] for verb in ("update", "extend", "renew", "remove")},
        **{f"{verb}_group_assignment": [shared.pk] for verb in ("update", "extend", "renew", "remove")},
        "make_eligibility_active": [free.pk],
        "make_assignment_eligible": [held.pk],
        "make_group_assignment_eligible": [shared.pk],
        **{f"{verb}_my_eligibility": [free.pk] for verb in ("extend", "renew")},
        **{f"{verb}_my_assignment": [held.pk] for verb in ("extend", "renew")},
        "copy_eligibilities": [cast.employee.pk],
        "end_everything": [cast.employee.pk],
        "directory_settings": [vault.row.pk],
        "role_settings": [guarded.pk],
        "scope_settings": [guarded.pk, below.pk],
        "settings_preview": [f"role-{guarded.pk}"],
        "try_settings": [f"role-{guarded.pk}"],
        **{name: [template.pk] for name in about_a_template},
        "settings_change": [proposed.pk],
        **{name: [rule.key] for name in ("automatic_rule", "new_rule_version")},
        "retire_rule": [rule.key, rule.version],
        **{name: [calendar.pk] for name in ("calendar", "fetch_calendar", "remove_calendar")},
        "automatic_decision": [decided.pk],
        "separation_rule": [kept_apart.pk],
        "remove_separation_rule": [kept_apart.pk],
        **{name: [series.pk] for name in ("review_series", "delete_review_series", "hand_over_review")},
        **{name: [review.pk] for name in ABOUT_A_REVIEW},
        **{name: [review.pk, review.items.get().pk] for name in ("answer_item", "take_back_answer")},
        "audit_event": [entry.number],
        "alert_act": [alert.pk, "acknowledge"],
    }


@contextmanager
def taken_back(client: Client) -> Iterator[None]:
    """What happens inside has not happened afterwards, neither in the database nor in the browser."""
    cookies = client.cookies.output(header="", sep=";")
    point = transaction.savepoint()
    yield
    transaction.savepoint_rollback(point)
    client.cookies = SimpleCookie(cookies)


def status_of(answer: Any) -> int:
    """The status; redirects are told apart by whether they lead to the sign-in page."""
    if answer.status_code not in (301, 302, 303):
        return int(answer.status_code)
    return GATE if answer["Location"].startswith("/sign-in/") else GOES_ON


def test_E1_every_address_has_a_line_here() -> None:
    assert set(names_in(get_resolver().url_patterns)) == set(EXPECTED)


@pytest.mark.parametrize("who", WHO)
def test_E1_S13_everybody_may_exactly_what_stands_here(
    cast: Cast, arguments: dict[str, list[Any]], who: str
) -> None:
    client = Client() if who == "nobody" else signed_in(getattr(cast, who))
    found, wanted = {}, {}
    for name, lines in EXPECTED.items():
        address = reverse(name, args=arguments.get(name))
        for method, line in zip(("get", "post"), lines, strict=True):
            with taken_back(client):
                found[name, method] = status_of(getattr(client, method)(address, EMPTY))
            wanted[name, method] = line[WHO.index(who)]
    assert {key: status for key, status in found.items() if status != wanted[key]} == {}


@pytest.mark.parametrize("who", WHO)
def test_E3_S13_the_admin_site_is_open_to_those_with_a_duty_and_to_nobody_else(
    cast: Cast, arguments: dict[str, list[Any]], who: str
) -> None:
    client = Client() if who == "nobody" else signed_in(getattr(cast, who))
    for path in admin_paths():
        for method in (client.get, client.post):
            with taken_back(client):
                status = method(path, follow=who != "nobody").status_code
            if who in ("administrator", "auditor"):
                assert status in (200, 302, 400, 403, 404, 405), path
                assert status != 200 or not path.endswith("/add/") or who == "administrator", path
            else:
                assert status in (302, 403, 404, 405), path
                assert status != 302 or who == "nobody", path


@pytest.mark.parametrize("who", WHO)
def test_E1_what_is_not_there_looks_like_what_is_somebody_elses(
    cast: Cast, arguments: dict[str, list[Any]], who: str
) -> None:
    client = Client() if who == "nobody" else signed_in(getattr(cast, who))
    for name, args in arguments.items():
        if isinstance(args[0], int):
            nowhere = reverse(name, args=[999_999_999, *args[1:]])
            for method in (client.get, client.post):
                with taken_back(client):
                    status = status_of(method(nowhere))
                assert status in ((GATE,) if who == "nobody" else (404, 405)), (name, status)
                assert status != 500
