"""Every answer carries the same strict headers: pages, redirects, errors and files alike."""

import pytest
from django.test import Client
from pytest_django import Settings

POLICY = {
    "default-src 'self'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/sign-in/", "localhost", 200),
        ("/", "localhost", 302),
        ("/nowhere/", "localhost", None),
        ("/sign-in/", "elsewhere.example.test", 400),
    ],
    ids=["page", "redirect", "not found", "wrong host"],
)
def test_a_strict_policy_stands_on_every_answer(
    client: Client, path: str, host: str, status: int | None
) -> None:
    answer = client.get(path, headers={"host": host})

    if status:
        assert answer.status_code == status
    assert set(answer["Content-Security-Policy"].split("; ")) == POLICY
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["X-Frame-Options"] == "DENY"


@pytest.mark.django_db
def test_a_form_from_another_origin_is_refused(settings: Settings) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = client.post(
        "/sign-in/", {"email": "robin@example.test"}, headers={"origin": "https://elsewhere.test"}
    )

    assert answer.status_code == 403
    assert set(answer["Content-Security-Policy"].split("; ")) == POLICY


@pytest.mark.django_db
def test_an_error_carries_the_policy_and_shows_nothing_of_the_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("a secret of the inside")

    client = Client(raise_request_exception=False)
    monkeypatch.setattr("django.contrib.auth.middleware.get_user", broken)
    monkeypatch.setattr("accounts.middleware.ActorMiddleware.__call__", broken)
    answer = client.get("/sign-in/")

    assert answer.status_code == 500
    assert b"secret of the inside" not in answer.content
    assert b"Traceback" not in answer.content
    assert set(answer["Content-Security-Policy"].split("; ")) == POLICY
