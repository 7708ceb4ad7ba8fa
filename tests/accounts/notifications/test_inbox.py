"""The inbox: what I was told, and only I."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Notification
from tests.cast import Cast, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(cast: Cast) -> list[Notification]:
    Notification.objects.all().delete()
    return [
        Notification.objects.create(
            person=cast.employee, notice="tests/x", subject=f"News {n}", text="Look <b>here</b>", url="/"
        )
        for n in range(30)
    ]


def test_everything_i_was_told_newest_first(cast: Cast, client: Client, told: list[Notification]) -> None:
    sign_in(client, cast.employee)
    page = client.get(reverse("inbox"))
    assert [row.subject for row in page.context["page"]][:2] == ["News 29", "News 28"]
    assert page.context["unread_count"] == 30
    rest = client.get(reverse("inbox"), {"after": page.context["page"].after}).context["page"]
    assert ([row.subject for row in rest][-1], rest.after) == ("News 0", "")
    assert client.get(reverse("inbox"), {"after": "x"}).status_code == 200


def test_opening_one_marks_it_as_read_and_shows_its_words_as_words(
    cast: Cast, client: Client, told: list[Notification]
) -> None:
    sign_in(client, cast.employee)
    page = client.get(reverse("notification", args=[told[0].pk]))
    assert "Look &lt;b&gt;here&lt;/b&gt;" in page.content.decode()
    told[0].refresh_from_db()
    assert told[0].read_at is not None
    assert Notification.objects.unread().count() == 29


def test_all_can_be_marked_as_read(cast: Cast, client: Client, told: list[Notification]) -> None:
    theirs = Notification.objects.create(person=cast.outsider, notice="tests/x", subject="Theirs", text="x")
    sign_in(client, cast.employee)
    assert client.post(reverse("inbox"), {"act": "read_all"}).status_code == 302
    assert list(Notification.objects.unread()) == [theirs]


@pytest.mark.parametrize("who", ["outsider", "administrator", "auditor", "root"])
def test_E_nobody_else_can_open_it(cast: Cast, client: Client, told: list[Notification], who: str) -> None:
    sign_in(client, getattr(cast, who))
    assert client.get(reverse("notification", args=[told[0].pk])).status_code == 404
    assert not client.get(reverse("inbox")).context["page"].object_list
    told[0].refresh_from_db()
    assert told[0].read_at is None
