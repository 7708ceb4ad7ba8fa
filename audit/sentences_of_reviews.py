"""The sentences for access reviews: planning, answering, leading and carrying out. See ``audit.sentences``."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

REVIEWS: dict[str, tuple[Any, ...]] = {
    "review_series.arranged": (_("%(actor)s arranged the access review “%(subject)s”"),),
    "review_series.deleted": (_("%(actor)s deleted the access review “%(subject)s”; its record stays"),),
    "review_series.handed_over": (
        _("%(actor)s handed the access review “%(subject)s” over from %(detail_from)s to %(detail_to)s"),
        _("%(actor)s handed the access review “%(subject)s” over"),
    ),
    "review.changed": (
        _("%(actor)s changed the access review “%(subject)s” while it was open: %(fields)s"),
        _("%(actor)s changed the access review “%(subject)s” while it was open"),
    ),
    "review.handed_over": (
        _("%(actor)s handed a run of the access review “%(subject)s” over to %(detail_to)s"),
        _("%(actor)s handed a run of the access review “%(subject)s” over"),
    ),
    "review.planned": (_("%(actor)s planned a run of the access review “%(subject)s”"),),
    "review.opened": (
        _("The access review “%(subject)s” began, with %(detail_items)s items"),
        _("The access review “%(subject)s” began"),
    ),
    "review.canceled": (_("%(actor)s called off the access review “%(subject)s” before it began"),),
    "review.stage_ended": (
        _(
            "%(actor)s ended stage %(detail_stage)s of the access review “%(subject)s”; "
            "the next one has %(detail_handed_on)s items"
        ),
        _("%(actor)s ended a stage of the access review “%(subject)s”"),
    ),
    "review.decided": (
        _("%(actor)s answered about %(role)s for %(other)s in an access review: %(detail_said)s"),
        _("%(actor)s answered about %(role)s in an access review: %(detail_said)s"),
        _("%(actor)s answered in an access review: %(subject)s"),
    ),
    "review.recommendations_followed": (
        _(
            "%(actor)s followed the recommendations in the access review “%(subject)s”: "
            "%(detail_keep)s to keep, %(detail_remove)s to remove"
        ),
        _("%(actor)s followed the recommendations in the access review “%(subject)s”"),
    ),
    "review.taken_back": (
        _("%(actor)s took back an answer about %(role)s for %(other)s in an access review"),
        _("%(actor)s took back an answer in an access review: %(subject)s"),
    ),
    "review.reset": (
        _("%(actor)s reset the access review “%(subject)s”: %(detail_answers)s answers no longer count"),
        _("%(actor)s reset the access review “%(subject)s”"),
    ),
    "review.reminded": (
        _("%(actor)s reminded the reviewers of “%(subject)s”: %(detail_to)s"),
        _("%(actor)s reminded the reviewers of “%(subject)s”"),
    ),
    "review.closed": (
        _("The access review “%(subject)s” ended; %(detail_remove)s items are to be removed"),
        _("The access review “%(subject)s” ended"),
    ),
    "review.stopped": (
        _("%(actor)s stopped the access review “%(subject)s”; %(detail_remove)s items are to be removed"),
        _("%(actor)s stopped the access review “%(subject)s”"),
    ),
    "review.released": (_("%(actor)s let the access review “%(subject)s” be carried out"),),
    "review.tried_again": (
        _(
            "%(actor)s let the access review “%(subject)s” try again what could not be removed: "
            "%(detail_items)s items"
        ),
        _("%(actor)s let the access review “%(subject)s” try again what could not be removed"),
    ),
    "review.applied": (
        _("The access review “%(subject)s” is carried out: %(detail_removed)s items were removed"),
        _("The access review “%(subject)s” is carried out"),
    ),
    "review.exported": (
        _("%(actor)s downloaded the history of access reviews: %(detail_history)s rows"),
        _("%(actor)s downloaded the results of the access review “%(subject)s”: %(detail_count)s rows"),
        _("%(actor)s downloaded the results of access reviews"),
    ),
}
