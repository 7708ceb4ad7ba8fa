"""Where a request comes from, and which page it belongs to."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import RequestFactory

from accounts.http import address_of, page_behind, safe_path


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "", "203.0.113.9"),
        (0, "198.51.100.1", "203.0.113.9"),
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "10.9.9.9, 127.0.0.1, 198.51.100.1", "198.51.100.1"),
        (2, "10.9.9.9, 198.51.100.1, 192.0.2.4", "198.51.100.1"),
        (2, "192.0.2.4", "203.0.113.9"),
        (1, "", "203.0.113.9"),
        (1, "not an address", ""),
        (1, "2001:db8::1", "2001:db8::1"),
    ],
)
def test_C3_an_address_is_believed_only_as_far_as_our_own_proxies_wrote_it(
    settings: Any, proxies: int, forwarded: str, address: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    headers = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    request = RequestFactory(REMOTE_ADDR="203.0.113.9").get("/", **headers)
    assert address_of(request) == address


@pytest.mark.parametrize(
    ("path", "safe"),
    [
        ("/people/?q=1", "/people/?q=1"),
        ("//evil.example", "/"),
        ("people/", "/"),
        ("", "/"),
        ("/\\evil.example", "/"),
    ],
)
def test_D6_only_paths_of_the_portal_are_safe(path: str, safe: str) -> None:
    assert safe_path(path) == safe


def test_the_page_behind_a_form_is_the_one_it_stood_on() -> None:
    make = RequestFactory()
    assert page_behind(make.get("/people/?q=1")) == "/people/?q=1"
    sent = make.post("/people/1/disable/", HTTP_REFERER="http://testserver/people/1/?tab=2#x")
    assert page_behind(sent) == "/people/1/?tab=2"
    assert page_behind(make.post("/x/")) == "/"
    assert page_behind(make.post("/x/", HTTP_REFERER="http://evil.example/people/")) == "/"
    assert page_behind(make.post("/x/", HTTP_REFERER="http://testserver//evil.example")) == "/"
