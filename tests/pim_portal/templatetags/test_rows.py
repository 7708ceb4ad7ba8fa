"""What stands on every row of a list."""

from __future__ import annotations

from pathlib import Path

import django.forms
from django.template import Context, Template

EVIL = '<b>&"'
SAFE = "&lt;b&gt;&amp;&quot;"
FORMS = Path(django.forms.__file__).parent
DJANGOS_OWN = (FORMS / "templates/django/forms/widgets/attrs.html").read_text()


def drawn(text: str, **said: object) -> str:
    return Template("{% load rows %}" + text).render(Context(said))


def test_what_can_be_done_with_a_row_says_to_what() -> None:
    link = {"url": "/assignments/7/remove/", "icon": "x", "label": "Remove…"}

    html = drawn("{% row_links links about %}", links=[link, link], about=EVIL)

    assert html.count('href="/assignments/7/remove/" title="Remove…"') == 2
    assert html.count(f'<span class="sr">Remove… {SAFE}</span></a>') == 2
    assert "<b>" not in html


def test_attributes_are_said_as_django_says_them() -> None:
    said = {"id": EVIL, "rows": 3, "required": True, "hidden": False}

    html = drawn("{% attributes said %}", said=said)

    assert html == f' id="{SAFE}" rows="3" required'
    assert html == Template(DJANGOS_OWN).render(Context({"widget": {"attrs": said}}))


def test_needs_are_one_word_each_and_the_whole_under_the_pointer() -> None:
    html = drawn("{% needs asked %}", asked=[("gavel", f"Approval by {EVIL}"), ("clock", "At most 4 h")])

    assert f'title="Approval by {SAFE}"' in html
    assert "Approval</span>" in html
    assert html.count("<span") == 2


def test_durations_to_choose_from_begin_with_what_was_asked() -> None:
    html = drawn("{% lengths minutes note %}", minutes=[240, 90], note="(as asked)")

    assert html == '<option value="240">4 h (as asked)</option><option value="90">1 h 30 min</option>'


def test_a_drawing_of_bars_says_what_it_shows() -> None:
    bars = [{"x": 0, "y": 6, "height": 18, "kind": "no"}, {"x": 10, "y": 22, "height": 2, "kind": ""}]

    html = drawn("{% spark bars label %}", bars=bars, label=f"Two months {EVIL}")

    assert f'role="img" aria-label="Two months {SAFE}"' in html
    assert '<rect x="0" y="6" width="7" height="18" rx="1" class="no"/>' in html
    assert html.count("<rect") == 2


def test_a_long_text_is_shown_by_its_beginning() -> None:
    assert drawn("{{ said|short:8 }}", said="Ten <b letters") == "Ten &lt;b…"
    assert drawn("{{ said|short:8 }}", said="Eight is") == "Eight is"
