"""Addresses of everything about asking, deciding and holding."""

from django.urls import include, path

from approvals.emergency.views import activate_in_emergency
from approvals.filing import Act
from approvals.views import (
    activating,
    assignments,
    decisions,
    extending,
    favourites,
    handing_over,
    importing,
    mutual,
    prolonging,
    questions,
    requests,
    roles,
    separation,
    together,
)
from approvals.views.assigning import assign, changing, removing
from roles.requirements import ACTIVE, ELIGIBLE

urlpatterns = [
    path("role-settings/", include("approvals.settings.urls")),
    path("emergencies/", include("approvals.emergency.urls")),
    path("automatic/", include("approvals.automatic.urls")),
    path("hooks/", include("approvals.hooks.urls")),
    path("reviews/", include("approvals.reviews.urls")),
    path("separation/", separation.separation, name="separation"),
    path("separation/new/", separation.new_separation_rule, name="new_separation_rule"),
    path("separation/<int:pk>/", separation.separation_rule, name="separation_rule"),
    path("separation/<int:pk>/remove/", separation.remove_separation_rule, name="remove_separation_rule"),
    path("approvals/mutual/", mutual.mutual_approvals, name="mutual_approvals"),
    path("my-roles/", roles.my_roles, name="my_roles"),
    path("my-roles/<int:pk>/activate/", roles.activate, name="activate"),
    path("my-roles/<int:pk>/emergency/", activate_in_emergency, name="activate_in_emergency"),
    path("my-roles/<int:pk>/star/", favourites.star_role, name="star_role"),
    path("my-roles/<int:pk>/unstar/", favourites.unstar_role, name="unstar_role"),
    path("my-roles/together/", activating.activate_together, name="activate_together"),
    path("my-roles/together/done/", activating.activated_together, name="activated_together"),
    path("my-roles/sets/new/", favourites.new_role_set, name="new_role_set"),
    path("my-roles/sets/<int:pk>/", favourites.role_set, name="role_set"),
    path("my-roles/sets/<int:pk>/remove/", favourites.remove_role_set, name="remove_role_set"),
    path("my-requests/", requests.my_requests, name="my_requests"),
    path("requests/<int:pk>/", requests.request_page, name="request_page"),
    path("requests/<int:pk>/cancel/", requests.cancel_request, name="cancel_request"),
    path("requests/<int:pk>/decide/", decisions.decide, name="decide"),
    path("requests/<int:pk>/ask/", questions.ask_back, name="ask_back"),
    path("requests/<int:pk>/answer/", questions.answer_question, name="answer_question"),
    path("to-decide/", decisions.to_decide, name="to_decide"),
    path("to-decide/together/", decisions.decide_together, name="decide_together"),
    path("assignments/", assignments.assignments, name="assignments"),
    path("assignments/download/", assignments.download_assignments, name="download_assignments"),
    path("assignments/new/", assign, name="assign"),
    path("assignments/import/", importing.import_assignments, name="import_assignments"),
    path("assignments/together/", together.assignments_bulk, name="assignments_bulk"),
    path("assignments/<int:pk>/deactivate/", assignments.deactivate, name="deactivate"),
    path("assignments/<int:pk>/longer/", prolonging.longer, name="longer"),
    path("people/<int:pk>/copy/", handing_over.copy_eligibilities, name="copy_eligibilities"),
    path("people/<int:pk>/end-everything/", handing_over.end_everything, name="end_everything"),
    path(
        "assignments/active/<int:pk>/make-eligible/",
        changing("assignment", Act.UPDATE, ELIGIBLE),
        name="make_assignment_eligible",
    ),
    path(
        "assignments/group/<int:pk>/make-eligible/",
        changing("group_assignment", Act.UPDATE, ELIGIBLE),
        name="make_group_assignment_eligible",
    ),
    path(
        "assignments/eligible/<int:pk>/make-active/",
        changing("eligibility", Act.UPDATE, ACTIVE),
        name="make_eligibility_active",
    ),
]
#: what is done to something given, by the word in the address and the thing it is done to
GIVEN = {"eligible": "eligibility", "active": "assignment", "group": "group_assignment"}
ACTS = {"update": Act.UPDATE, "extend": Act.EXTEND, "renew": Act.RENEW}
for word, noun in GIVEN.items():
    where = f"assignments/{word}/<int:pk>"
    urlpatterns += [
        path(f"{where}/{verb}/", changing(noun, act), name=f"{verb}_{noun}") for verb, act in ACTS.items()
    ]
    urlpatterns += [path(f"{where}/remove/", removing(noun), name=f"remove_{noun}")]
for word, noun in (("eligible", "eligibility"), ("active", "assignment")):
    for verb, act in (("extend", Act.EXTEND), ("renew", Act.RENEW)):
        address = f"my-roles/{word}/<int:pk>/{verb}/"
        urlpatterns += [path(address, extending.asking(noun, act), name=f"{verb}_my_{noun}")]
