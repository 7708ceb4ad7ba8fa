"""Django's ``translate`` and ``url``, which do not ask again each time what stays the same.

A page says a hundred fixed words and has a hundred addresses. Words are kept for each language, and addresses for each
kind of page; whatever is not a fixed text, or not a page found by its keys, goes Django's own way. Templates load this
instead of ``i18n``.
"""

from __future__ import annotations

from typing import Any

from django.template import Context, Library, Node
from django.template.base import Parser, Token
from django.template.defaulttags import URLNode
from django.template.defaulttags import url as url_of_django
from django.templatetags import i18n
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from accounts.addresses import address_of

register = Library()
register.tags |= i18n.register.tags
register.filters |= i18n.register.filters


class FixedWords(Node):
    """A fixed text, in words once for each language.

    Args:
        node: Django's own, which finds them.
    """

    child_nodelists = ()

    def __init__(self, node: i18n.TranslateNode) -> None:
        self.node = node
        self.said: dict[str | None, str] = {}

    def render(self, context: Context) -> SafeString:
        """The words, or nothing where they are to be kept under a name."""
        language, name = get_language(), self.node.asvar
        if language not in self.said:
            words = self.node.render(context)
            self.said[language] = context[name] if name else words
        if not name:
            return self.said[language]  # type: ignore[return-value]
        context[name] = self.said[language]
        return SafeString("")


class KeyedAddress(URLNode):
    """The address of a page of our own; by keys where it takes any."""

    def render(self, context: Context) -> SafeString:
        """The address, which needs no escaping: paths of our own, and numbers."""
        keys = [arg.resolve(context) for arg in self.args]
        for key in keys:
            if type(key) is not int:
                return SafeString(super().render(context))
        return SafeString(address_of(self.view_name.var, *keys))


@register.tag("trans")
@register.tag("translate")
def translate(parser: Parser, token: Token) -> Node:
    """As Django's; fixed words are found once."""
    node = i18n.do_translate(parser, token)
    said: Any = node.filter_expression
    is_fixed = getattr(said.var, "literal", None) is not None and not said.filters
    return FixedWords(node) if is_fixed and not node.noop and not node.message_context else node


@register.tag
def url(parser: Parser, token: Token) -> Node:
    """As Django's; the pattern of a page's address is found once."""
    node = url_of_django(parser, token)
    name: Any = node.view_name.var
    is_ours = isinstance(name, str) and ":" not in name and not node.view_name.filters
    if not is_ours or node.kwargs or node.asvar:
        return node
    return KeyedAddress(node.view_name, node.args, node.kwargs, node.asvar)
