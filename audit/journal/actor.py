"""Who acts, from where. Every verb takes one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser


@dataclass(frozen=True)
class Actor:
    """A person, or the portal itself, at the moment of an act.

    Args:
        person: the signed-in person; None when the portal acts by itself.
        name: the name as it is written into the journal, so that it stays readable when the person is gone.
        address: network address the act came from; "" when there is none.
        agent: the browser's own description of itself, shortened.
        session: digest of the session, never its key; binds a second factor to the session it was given in.
    """

    # Any: the book stands below the people and must not import their model.
    person: Any = None
    name: str = "the portal"
    address: str = ""
    agent: str = ""
    session: str = ""

    @classmethod
    def of(cls, person: AbstractBaseUser, *, address: str = "", agent: str = "", session: str = "") -> Actor:
        """The actor for ``person`` (a ``User`` of accounts)."""
        return cls(person=person, name=str(person), address=address, agent=agent[:200], session=session)

    @property
    def kind(self) -> str:
        """``person`` or ``portal``."""
        return "portal" if self.person is None else "person"

    def known_as(self, name: str) -> Actor:
        """The same actor under another name, for instance the name of a command on the console."""
        return replace(self, name=name)


PORTAL = Actor()
