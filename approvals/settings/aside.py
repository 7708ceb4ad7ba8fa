"""The aside of an editor: what the settings would mean that stand in the form, whom they touch, what they change."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from django.utils.functional import cached_property
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from approvals.models import SettingsTemplate
from approvals.settings.examining import Finding, Reach, examine
from approvals.settings.meaning import Fact, decided_without_people, facts, sentence
from approvals.settings.naming import Named, hook_named, rules_named
from approvals.settings.places import Document, Level, Rule
from approvals.settings.rule_words import sentences_of
from approvals.settings.standing import Standing
from approvals.settings.touching import (
    also_eligible,
    deciders_in_words,
    eligible_for,
    open_requests,
    usual_wait,
    without_passkey,
)
from approvals.settings.words import Difference, differences, label_of, value_in_words
from roles.effective import Layers
from roles.models import EffectiveSettings, Factor
from roles.models.values import plain
from roles.wording import in_words

NAMED = 4  # roles named in one sentence


@dataclass(frozen=True)
class Measured:
    """How far settings are from a template.

    Args:
        departs: label of each value that is another, with what the template says.
    """

    template: SettingsTemplate
    agree: int = 0
    said: int = 0
    departs: list[tuple[str, str]] = field(default_factory=list)


class Meaning:
    """What ``document`` would mean at a place.

    Args:
        standing: how the place stands now.
        document: what it shall say.
        template: what it is measured against.
    """

    def __init__(
        self, standing: Standing, document: Document, template: SettingsTemplate | None = None
    ) -> None:
        self.standing, self.document, self.template = standing, document, template
        self.place = standing.place

    @cached_property
    def effective(self) -> EffectiveSettings:
        """The values that would count here."""
        row = self.place.blank()
        self.document.write_on(row)
        return Layers((row, *self.standing.above.rows)).effective

    @cached_property
    def rule(self) -> Rule:
        """Who would approve here."""
        return self.document.rule or self.standing.rule_above

    @cached_property
    def finding(self) -> Finding:
        """What it would come to for each role it reaches."""
        return examine(self.place, self.standing.document, self.document)

    @cached_property
    def differences(self) -> list[Difference]:
        """What would be said otherwise here."""
        standing = self.standing
        above = None if self._names_nobody else standing.rule_above
        return differences(standing.document, self.document, inherited=standing.inherited, rule=above)

    @property
    def _names_nobody(self) -> bool:
        """Whether approvers are inherited before and after: then it costs no look."""
        return self.document.approvers is None and self.standing.document.approvers is None

    @cached_property
    def was(self) -> dict[str, str]:
        """What each value that would be another was, by name."""
        return {one.name: one.before for one in self.differences}

    @cached_property
    def sentence(self) -> str:
        """Who gets what, for how long, and who must agree."""
        subject = str(self.place.role) if self.place.role else _("a role that says nothing else")
        in_use = "\n".join(one.value for one in self.rules if not one.is_gone)
        deciders = deciders_in_words(self.place, self.rule)
        return sentence(replace(self.effective, automatic=in_use), subject=subject, deciders=deciders)

    @cached_property
    def facts(self) -> list[Fact]:
        """What else follows, worst first."""
        return [
            *self._gone(),
            *self._dangers(),
            *self._asked(),
            *facts(self.effective),
            *self._waiting(),
            *self._touched(),
        ]

    @cached_property
    def hook(self) -> Named | None:
        """The web hook that would be asked first; None where there would be none."""
        return hook_named(self.effective.hook) if self.effective.hook else None

    @cached_property
    def rules(self) -> list[Named]:
        """The automatic rules that would be named."""
        return rules_named(self.effective.automatic_rules)

    @cached_property
    def no_passkey(self) -> tuple[int, int]:
        """How many of those eligible have no passkey yet, and how many are eligible."""
        eligible = eligible_for(self.place)
        return without_passkey(eligible), eligible.count()

    def _dangers(self) -> list[Fact]:
        found = []
        place, role = self.place, self.place.role
        missing, every = self.no_passkey
        if self.effective.factor == Factor.PASSKEY and missing:
            words = ngettext(
                "%(n)s of %(all)s eligible has no passkey yet.",
                "%(n)s of %(all)s eligible have no passkey yet.",
                missing,
            )
            found.append(Fact("wait", "passkey", words % {"n": missing, "all": every}))
        judged = self.effective.approval_required and not self.finding.locked_out
        both = also_eligible(role, self.rule, eligible_for(place)) if role is not None and judged else ""
        return [*found, Fact("wait", "alert", both)] if both else found

    def _asked(self) -> list[Fact]:
        said = sentences_of(self.rule) if self.effective.approval_required else []
        found = [Fact("info", "users", " ".join(said))] if said else []
        in_use = [str(one) for one in self.rules if not one.is_gone]
        hook = str(self.hook) if self.hook else ""
        return [*decided_without_people(self.effective, hook=hook, rules=in_use), *found]

    def _gone(self) -> list[Fact]:
        found = []
        if self.hook is not None and self.hook.is_gone:
            words = _("The web hook %(key)s is named here and does not exist any more.")
            found.append(Fact("bad", "alert", words % {"key": self.hook.value}))
        words = _("The rule %(rule)s (%(reference)s) is named here and decides nothing any more.")
        for rule in self.rules:
            if rule.is_gone:
                said = {"rule": rule.label, "reference": rule.value}
                found.append(Fact("wait", "alert", words % said))
        return found

    def _waiting(self) -> list[Fact]:
        before, after = self.standing.effective.approval_required, self.effective.approval_required
        wait = usual_wait(self.place) if after and not before else None
        if wait is None:
            return []
        words = _("Adds about %(t)s of waiting, going by how fast requests were answered here lately.")
        return [Fact("wait", "clock", words % {"t": in_words(max(1, int(wait.total_seconds() // 60)))})]

    def _touched(self) -> list[Fact]:
        found = []
        if self.place.level in (Level.PORTAL, Level.DIRECTORY):
            found.append(self._reached())
        people = self.no_passkey[1]
        touches = ngettext(
            "Touches %(n)s eligible person, from their next request.",
            "Touches %(n)s eligible people, from their next request.",
            people,
        )
        found.append(Fact("info", "users", touches % {"n": people}))
        if waiting := open_requests(self.place):
            keeps = ngettext(
                "%(n)s open request keeps the settings it was made under.",
                "%(n)s open requests keep the settings they were made under.",
                waiting,
            )
            found.append(Fact("info", "send", keeps % {"n": waiting}))
        return found

    def _reached(self) -> Fact:
        changed: list[Reach] = self.finding.reaches
        every = self.place.roles().count()
        if not changed:
            words = ngettext("Reaches %(all)s role.", "Reaches %(all)s roles.", every)
            return Fact("info", "sliders", words % {"all": every})
        names = get_text_list([one.where for one in changed[:NAMED]], _("and"))
        words = ngettext(
            "Of %(all)s roles something changes for %(n)s: %(names)s",
            "Of %(all)s roles something changes for %(n)s: %(names)s",
            len(changed),
        ) % {"all": every, "n": len(changed), "names": names}
        return Fact("info", "sliders", f"{words}…" if len(changed) > NAMED else f"{words}.")

    @cached_property
    def measured(self) -> Measured | None:
        """How far it would be from the template."""
        if self.template is None:
            return None
        said = self.template.said()
        departs = [
            (label_of(name), value_in_words(name, value))
            for name, value in said.items()
            if getattr(self.effective, name) != plain(name, value)
        ]
        return Measured(self.template, agree=len(said) - len(departs), said=len(said), departs=departs)


def template_for(standing: Standing) -> SettingsTemplate | None:
    """What a role is measured against when nobody chose: the template that bears its risk in its name, else the first."""
    templates = list(SettingsTemplate.objects.all())
    risk = standing.place.role.get_risk_display().lower() if standing.place.role else ""
    named = (one for one in templates if risk and one.name.lower().startswith(risk))
    return next(named, templates[0] if templates else None)
