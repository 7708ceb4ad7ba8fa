"""Whether role settings would leave somebody with nobody to decide for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts.models import User
from approvals.permissions import named_by
from approvals.settings.places import Line, Rule
from roles.models import Approver, Eligibility, Role
from roles.models.stages import ALL
from roles.permissions import people_eligible_by

Kind = Approver.Kind


@dataclass(frozen=True)
class Asked:
    """One stage, by the humans behind it.

    Args:
        needed: how many must agree; one is enough where all of whoever is left must.
        humans: everybody who may decide at it, at once or after a while.
        spent: those who have answered once it is passed, where all must agree.
        by_manager: whether the manager of whoever asks is among them.
    """

    number: int
    needed: int
    humans: frozenset[str]
    spent: frozenset[str]
    by_manager: bool


def locked_out(role: Role, rule: Rule) -> str:
    """Whom approval by ``rule`` would leave with a stage that cannot be passed, as a sentence; "" when there is nobody.

    Nobody decides for themselves under any account, and nobody at two stages, so there must be different people for all
    of them beside whoever asks. Those who may decide only after a while count at their stage: it is passed late, but it
    is passed.

    It holds whatever ``if_nobody`` says. That is for those who leave later; a list that cannot be passed on the day it
    is saved is a mistake, and falling back to somebody who is not in it would hide it.
    """
    stages = [_asked_at(role, rule, number) for number in rule.numbers]
    wanted = sum(stage.needed for stage in stages)
    if all(len(stage.humans) > wanted and not stage.spent for stage in stages):
        return ""  # whoever asks, enough are left
    several = len(stages) > 1
    managed = any(stage.by_manager for stage in stages)
    stuck = _stuck_at(stages, asking="", manager={"the manager"} if managed else set())
    if stuck:
        said = {"role": role, "stage": stuck.number, "n": stuck.needed, "m": len(stuck.humans)}
        return _too_few(several, stuck) % said
    eligible = people_eligible_by(Eligibility.objects.in_force().filter(role=role))
    named = frozenset[str]().union(*(stage.humans for stage in stages))
    alone: list[str] = []
    where = stages[0]
    for person in eligible.select_related("manager"):
        if managed or human_of(person) in named:
            manager = _human_of_manager(person) if managed else set()
            if stuck := _stuck_at(stages, asking=human_of(person), manager=manager):
                where = where if alone else stuck
                alone.append(str(person))
    if not alone:
        return ""
    said = {"role": role, "stage": where.number, "n": where.needed, "who": ", ".join(alone[:3])}
    return _left_alone(several, where.needed) % said


def _asked_at(role: Role, rule: Rule, number: int) -> Asked:
    asked, further = rule.asked(number), rule.further(number)
    quorum = rule.stage(number).quorum
    at_once = frozenset(map(human_of, people_named(role, asked)))
    return Asked(
        number,
        needed=1 if quorum == ALL else quorum,
        humans=at_once | frozenset(map(human_of, people_named(role, further))) if further else at_once,
        spent=at_once if quorum == ALL and number < len(rule.stages) else frozenset(),
        by_manager=any(line.kind == Kind.MANAGER for line in (*asked, *further)),
    )


def _stuck_at(stages: Sequence[Asked], *, asking: str, manager: set[str]) -> Asked | None:
    """The first stage for which there are not enough different people, however the others are shared out; None if none.

    Args:
        asking: the human who asks; manager: the human behind their manager, if there is one.
    """
    able: list[set[str]] = []  # for each yes that is needed, who could give it
    given: dict[str, int] = {}  # which of them somebody gives
    spent: set[str] = set()

    def give(at: int, tried: set[str]) -> bool:
        for human in able[at] - tried:
            if human in tried:
                continue
            tried.add(human)
            if human not in given or give(given[human], tried):
                given[human] = at
                return True
        return False

    for stage in stages:
        humans = stage.humans | (manager if stage.by_manager else set())
        for _yes in range(stage.needed):
            able.append(set(humans) - spent - {asking})
            if not give(len(able) - 1, set()):
                return stage
        spent |= stage.spent
    return None


def people_named(role: Role, lines: Iterable[Line]) -> list[User]:
    """The enabled people that ``lines`` name for ``role``, the managers of the holders apart."""
    return list(User.objects.enabled().filter(named_by(lines, role)).distinct())


def human_of(person: User) -> str:
    """The same for every account of one human."""
    return person.person_key or f"account {person.pk}"


def _human_of_manager(person: User) -> set[str]:
    manager = person.manager
    return {human_of(manager)} if manager is not None and manager.is_active else set()


def _too_few(several: bool, stage: Asked) -> str:
    if not stage.humans and several:
        return _(
            "Nobody could decide on a request for %(role)s at stage %(stage)s: none of its approvers can sign in."
        )
    if not stage.humans:
        return _("Nobody could decide on a request for %(role)s: none of these approvers can sign in.")
    if several:
        return _(
            "Too few could decide on a request for %(role)s at stage %(stage)s, where %(n)s must agree: nobody decides "
            "at two stages. Name another approver there."
        )
    return _("For %(role)s %(n)s must agree, and only %(m)s of these approvers can sign in.")


def _left_alone(several: bool, needed: int) -> str:
    if needed == 1 and several:
        return _(
            "%(who)s may activate %(role)s and would have nobody to decide at stage %(stage)s: nobody decides for "
            "themselves, nor at two stages. Name another approver there."
        )
    if needed == 1:
        return _(
            "%(who)s may activate %(role)s and would have nobody to decide: nobody decides for themselves. Name "
            "another approver."
        )
    if several:
        return _(
            "%(who)s may activate %(role)s and would not find the %(n)s who must agree at stage %(stage)s: nobody "
            "decides for themselves, nor at two stages. Name another approver there."
        )
    return _(
        "%(who)s may activate %(role)s and would not find the %(n)s who must agree: nobody decides for themselves. "
        "Name another approver."
    )
