"""The mail that a notification becomes: a text part, an HTML part that says the same, one button, nothing to click through."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string, select_template
from django.utils import translation

from accounts.notifications.models import Notification

FACT = re.compile(r"\A([^:\n]{1,24}): +(\S.*)\Z")


@dataclass(frozen=True)
class Block:
    """A paragraph, or lines of ``Word: value`` that are set as a table.

    Args:
        lines: of the paragraph; empty for a table.
        facts: (word, value) of the table; empty for a paragraph.
    """

    lines: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()


def mail_for(notification: Notification) -> EmailMultiAlternatives:
    """The mail for one notification, ready to be sent by Django's mail backend.

    Links are built from ``BASE_URL`` alone. The HTML part is made from the words of the text part, so the two cannot differ.
    """
    blocks = blocks_of(notification.text)
    said = {
        "subject": notification.subject,
        "text": notification.text,
        "blocks": blocks,
        "preheader": next((" ".join(block.lines) for block in blocks if block.lines), ""),
        "link": settings.BASE_URL + notification.url if notification.url else "",
        "portal": settings.PORTAL_NAME,
        "organisation": settings.ORGANISATION,
        "language": settings.LANGUAGE_CODE,
        "home": settings.BASE_URL + "/",
    }
    app, _, name = notification.notice.partition("/")
    with translation.override(settings.LANGUAGE_CODE):
        said["button"] = (
            select_template([f"{app}/notices/{name}.button.txt", "email/button.txt"]).render().strip()
        )
        mail = EmailMultiAlternatives(
            subject=notification.subject,
            body=render_to_string("email/layout.txt", said),
            to=[notification.mail_address],
            headers={
                "Message-ID": f"<notification-{notification.pk}@{urlsplit(settings.BASE_URL).hostname}>",
                "Auto-Submitted": "auto-generated",
                "X-Auto-Response-Suppress": "All",
            },
        )
        mail.attach_alternative(render_to_string("email/layout.html", said), "text/html")
    return mail


def blocks_of(text: str) -> list[Block]:
    """The paragraphs of ``text``; two or more lines of ``Word: value`` become a table."""
    blocks = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        lines = tuple(line.strip() for line in paragraph.splitlines())
        facts = tuple(found.groups() for line in lines if (found := FACT.match(line)))
        if len(facts) == len(lines) > 1:
            blocks.append(Block(facts=tuple((word, value) for word, value in facts)))
        else:
            blocks.append(Block(lines=lines))
    return blocks
