"""Words and addresses in templates: what Django's own tags would say."""

from __future__ import annotations

import pytest
from django.template import Context, NodeList, Template
from django.urls import NoReverseMatch, reverse

from pim_portal.templatetags import often


def drawn(text: str, **said: object) -> str:
    template = Template("{% load often %}" + text)
    first = template.render(Context(said))
    assert template.render(Context(said)) == first, "what is remembered is what was said"
    return first


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{% translate "Deny" %}', "Deny"),
        ('{% trans "100% sure" %}', "100% sure"),
        ('{% translate "Deny" as word %}[{{ word }}]', "[Deny]"),
        ('{% translate "Deny"|upper %}', "DENY"),
        ('{% translate "Deny" noop %}', "Deny"),
        ("{% translate name %}", "&lt;Ann&gt;"),
        ("{% blocktranslate %}Hello {{ name }}, 100%{% endblocktranslate %}", "Hello &lt;Ann&gt;, 100%"),
        (
            "{% blocktranslate with who=name %}For {{ who }}{{ nobody }}{% endblocktranslate %}",
            "For &lt;Ann&gt;",
        ),
        (
            "{% blocktranslate asvar said %}To {{ name }}{% endblocktranslate %}[{{ said }}]",
            "[To &lt;Ann&gt;]",
        ),
        (
            "{% blocktranslate trimmed count n=many with who=name %} {{ n }} role of {{ who }}"
            "{% plural %} {{ n }} roles of {{ who }} {% endblocktranslate %}",
            "2 roles of &lt;Ann&gt;",
        ),
        (
            "{% blocktranslate count n=one %}{{ n }} role{% plural %}{{ n }} roles{% endblocktranslate %}",
            "1 role",
        ),
    ],
)
def test_words_are_those_of_django(text: str, shown: str) -> None:
    assert drawn(text, name="<Ann>", one=1, many=2) == shown


def test_words_are_not_shown_in_the_language_of_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    spoken = iter(["en", "fr", "en"])
    monkeypatch.setattr(often, "get_language", lambda: next(spoken))
    template = Template('{% load often %}{% translate "Deny" %}')
    monkeypatch.setattr("django.templatetags.i18n.TranslateNode.render", lambda *_args: "Refuser")
    (node,) = NodeList(template.nodelist).get_nodes_by_type(often.FixedWords)
    node.said["en"] = "Deny"

    shown = [template.render(Context()) for _n in range(3)]

    assert shown == ["Deny", "Refuser", "Deny"]


@pytest.mark.parametrize(
    "text", ["{% url page 7 %}", '{% url "request_page" key %}', "{% url page pk=key %}"]
)
def test_an_address_is_that_of_its_page(text: str) -> None:
    assert drawn(text, page="request_page", key=7) == reverse("request_page", args=[7])


def test_an_address_may_be_kept_under_a_name_and_then_be_nothing() -> None:
    assert drawn('{% url "nowhere" as there %}[{{ there }}]') == "[]"


def test_a_page_that_does_not_exist_has_no_address() -> None:
    with pytest.raises(NoReverseMatch):
        drawn('{% url "request_page" key %}', key="<no key>")
