"""A form on a page, as a browser would send it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

Form = dict[str, list[str]]


class _Reader(HTMLParser):
    """What the fields of the form with one id hold; without an id, those of the last form on the page."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form, self.inside = form, False
        self.fields: Form = {}
        self.text = self.select = ""

    def handle_starttag(self, tag: str, pairs: list[tuple[str, str | None]]) -> None:
        said: dict[str, Any] = dict(pairs)
        if tag == "form" and (not self.form or said.get("id") == self.form):
            self.inside, self.fields = True, {}
        if not self.inside and said.get("form") != (self.form or None):
            return
        name, value = said.get("name", ""), said.get("value") or ""
        if tag == "input" and (said.get("type") not in ("checkbox", "radio") or "checked" in said):
            self._add(name, value or ("on" if said.get("type") == "checkbox" else ""))
        elif tag == "textarea":
            self.text = name
            self._add(name, "")
        elif tag == "select":
            self.select = name
        elif tag == "option" and self.select and ("selected" in said or self.select not in self.fields):
            self.fields[self.select] = [value]

    def handle_data(self, data: str) -> None:
        if self.text:
            self.fields[self.text][-1] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        elif tag == "textarea" and self.text:
            # A browser leaves out the first line break, which templates write for it.
            self.fields[self.text][-1] = re.sub(r"\A\r?\n", "", self.fields[self.text][-1])
            self.text = ""
        elif tag == "select":
            self.select = ""

    def _add(self, name: str, value: str) -> None:
        if name:
            self.fields.setdefault(name, []).append(value)


def form_in(answer: Any, form: str = "settings") -> Form:
    """What a browser would send of a form on the page ``answer``.

    Args:
        form: its id; "" for the last form on the page.
    """
    reader = _Reader(form)
    reader.feed(answer.content.decode())
    assert reader.fields, "there is no such form on the page"
    return reader.fields
