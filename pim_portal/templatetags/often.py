"""Django's ``translate``, ``blocktranslate`` and ``url``, which do not ask again each time what stays the same.

A page says a hundred fixed words and has a hundred addresses. Words are kept for each language, and addresses for each
kind of page; whatever is not a fixed text, or not a page found by its keys, goes Django's own way. Templates load this
instead of ``i18n``.
"""

from __future__ import annotations

from typing import Any

from django.template import Context, Library, Node
from django.template.base import Parser, Token, render_value_in_context
from django.template.defaulttags import URLNode
from django.template.defaulttags import url as url_of_django
from django.templatetags import i18n
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, ngettext

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


class FilledWords(Node):
    """A sentence with values in it: read once, and the values put in without a context of their own.

    Args:
        node: Django's own, which has read it.
    """

    child_nodelists = ()

    def __init__(self, node: i18n.BlockTranslateNode) -> None:
        self.node = node
        self.one, names = node.render_token_list(node.singular)
        self.many, others = node.render_token_list(node.plural) if node.plural else ("", [])
        self.names = list(dict.fromkeys([*names, *others]))

    def render(self, context: Context) -> SafeString:
        """The sentence, or nothing where it is to be kept under a name."""
        node = self.node
        own = {name: value.resolve(context) for name, value in node.extra_context.items()}
        if node.plural and node.countervar and node.counter:
            own[node.countervar] = count = node.counter.resolve(context)
            said = ngettext(self.one, self.many, count)
        else:
            said = gettext(self.one)
        filled = {
            name: render_value_in_context(own[name] if name in own else context.get(name, ""), context)
            for name in self.names
        }
        words = SafeString(said % filled)
        if not node.asvar:
            return words
        context[node.asvar] = words
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


@register.tag("blocktrans")
@register.tag("blocktranslate")
def block_translate(parser: Parser, token: Token) -> Node:
    """As Django's, without a ``context`` of the words."""
    node = i18n.do_block_translate(parser, token)
    return node if node.message_context else FilledWords(node)


@register.tag
def url(parser: Parser, token: Token) -> Node:
    """As Django's; the pattern of a page's address is found once."""
    node = url_of_django(parser, token)
    name: Any = node.view_name.var
    is_ours = isinstance(name, str) and ":" not in name and not node.view_name.filters
    if not is_ours or node.kwargs or node.asvar:
        return node
    return KeyedAddress(node.view_name, node.args, node.kwargs, node.asvar)
