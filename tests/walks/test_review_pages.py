"""Every page of access reviews, wide and light, narrow and dark: nothing serious for axe, nothing wider than the window."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from approvals.reviews.closing import stop_review
from approvals.reviews.keeping import StageWish
from approvals.reviews.models import AccessReview, ReviewItem, Verdict
from approvals.reviews.scheduling import run_reviews
from pim_portal.demo.people import DOMAIN
from roles.models import Directory, Role
from tests.factories.people import make_group
from tests.factories.reviews import CHOSEN, LONG_AGO, MANAGER, answer_open, item_of, make_series, open_run
from tests.factories.roles import acting, make_eligibility, make_role, now
from tests.walks.conftest import Visitor, serious_findings

WINDOWS = [
    {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
]
#: login -> its pages; a page that is led there by a button is named by the button
PAGES = {
    "dana": [
        "/reviews/",
        "/reviews/?tab=over",
        "/reviews/?tab=series",
        "/reviews/new/",
        "/reviews/new/ Plan review",
        "/reviews/history/",
        "/reviews/series/{series}/",
        "/reviews/series/{series}/delete/",
        "/reviews/{open}/",
        "/reviews/{planned}/",
        "/reviews/{held}/",
        "/reviews/{held}/ Remove 3",
        "/reviews/{failed}/",
        "/reviews/{applied}/",
        "/reviews/{held}/results/",
        "/reviews/{held}/results/?name=nobody",
        "/reviews/{held}/report/",
        "/reviews/{open}/report/",
    ],
    "kim": [
        "/reviews/mine/",
        "/reviews/{open}/work/",
        "/reviews/{open}/work/?item={group}&show=all",
        "/reviews/{open}/work/?show=decided",
        "/reviews/{open}/work/?list=1",
        "/reviews/{open}/work/?item={group} Save and next",
        "/reviews/{open}/{work}/follow/",
        "/reviews/{answered}/work/",
        "/reviews/{held}/work/",
    ],
    "toni": ["/reviews/series/{series}/", "/reviews/{held}/"],
    "robin": ["/reviews/mine/"],
}


def somebody(login: str) -> User:
    return User.objects.get(email=f"{login}@{DOMAIN}")


@pytest.fixture
def keys(demo: object) -> dict[str, int]:
    """A review at each of its states: asked, answered, planned, held back, carried out, and in part not."""
    dana, kim = somebody("dana"), somebody("kim")
    role = make_role(Directory.objects.get(kind="postgresql"), "Invoice archivist")
    for login in ("alex", "mika", "drew"):
        make_eligibility(role, somebody(login), starts_at=LONG_AGO)
    team = make_group("Night shift", somebody("alex"), somebody("mika"), owners=(kim,))
    make_eligibility(role, team, starts_at=LONG_AGO)
    stages = [
        StageWish(who=CHOSEN, days=7, reviewers=[kim], in_turn=[somebody("jo")]),
        StageWish(who=MANAGER, days=3),
    ]
    running = open_run(make_series(dana, roles=[role], stages=stages, name="Of the archive", most_percent=50))
    answered = open_run(
        make_series(dana, kim, roles=[role], of_groups=False, name="Answered", description="The yearly look.")
    )
    answer_open(answered, kim)
    planned = make_series(
        dana, kim, roles=[role], name="Next month", starts_at=timezone.now() + timedelta(days=30)
    ).runs.get()
    held = ended(role, "Of too many", most_percent=20)
    failed = ended(role, "Of the impossible")
    ReviewItem.objects.filter(review=failed, outcome=Verdict.DENY).update(
        done=ReviewItem.Done.FAILED, done_at=failed.closed_at, tries=2, error="The directory did not answer."
    )
    AccessReview.objects.filter(pk=failed.pk).update(released_at=failed.closed_at, released_by=dana)
    other = make_role(role.directory, "Invoice printer")
    make_eligibility(other, somebody("drew"), starts_at=LONG_AGO)
    applied = ended(other, "Of the printers", applies_itself=True)
    run_reviews()
    assert now(applied).status == AccessReview.Status.APPLIED
    assert now(held).held_back
    return {
        "series": running.series_id,
        "open": running.pk,
        "group": item_of(running, team).pk,
        "answered": answered.pk,
        "planned": planned.pk,
        "held": held.pk,
        "failed": failed.pk,
        "applied": applied.pk,
    }


def ended(role: Role, name: str, **terms: Any) -> AccessReview:
    """A review in which three at most were to go, stopped."""
    dana, kim = somebody("dana"), somebody("kim")
    review = open_run(make_series(dana, kim, roles=[role], name=name, of_groups=False, **terms))
    answer_open(review, kim, Verdict.DENY, most=3)
    stop_review(review, actor=acting(dana), justification="All have answered")
    return now(review)


def test_every_page_of_reviews_is_accessible_and_fits(
    keys: dict[str, int], visit: Callable[..., Visitor]
) -> None:
    found: dict[str, list[str]] = {}
    for login, paths in PAGES.items():
        visitor = visit(login)
        page = visitor.sign_in()
        for window in WINDOWS:
            page.set_viewport_size(window["viewport"])  # type: ignore[arg-type]
            page.emulate_media(color_scheme=window["color_scheme"])  # type: ignore[arg-type]
            for said in paths:
                path, _, button = said.partition(" ")
                visitor.go(path.format(work="work", **keys))
                if button:
                    # Past what the browser would ask for itself, so that the page has to say it.
                    page.evaluate("for (const form of document.forms) form.noValidate = true")
                    page.get_by_role("button", name=button).click()
                    page.wait_for_load_state()
                name = f"{login}: {said}, {window['color_scheme']}"
                found[name] = serious_findings(page)
                wide = page.evaluate(
                    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                )
                if wide > 0:
                    found[name].append(f"{wide} px wider than the window")
    assert {name: findings for name, findings in found.items() if findings} == {}
