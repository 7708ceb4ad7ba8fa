"""Addresses of everything about asking, deciding and holding."""

from django.urls import include, path

from approvals.filing import Act
from approvals.views import (
    assignments,
    decisions,
    extending,
    handing_over,
    importing,
    requests,
    roles,
    together,
)
from approvals.views.assigning import assign, changing, removing
from roles.requirements import ACTIVE, ELIGIBLE

urlpatterns = [
    path("role-settings/", include("approvals.settings.urls")),
    path("my-roles/", roles.my_roles, name="my_roles"),
    path("my-roles/<int:pk>/activate/", roles.activate, name="activate"),
    path("my-requests/", requests.my_requests, name="my_requests"),
    path("requests/<int:pk>/", requests.request_page, name="request_page"),
    path("requests/<int:pk>/cancel/", requests.cancel_request, name="cancel_request"),
    path("requests/<int:pk>/decide/", decisions.decide, name="decide"),
    path("to-decide/", decisions.to_decide, name="to_decide"),
    path("to-decide/together/", decisions.decide_together, name="decide_together"),
    path("assignments/", assignments.assignments, name="assignments"),
    path("assignments/download/", assignments.download_assignments, name="download_assignments"),
    path("assignments/new/", assign, name="assign"),
    path("assignments/import/", importing.import_assignments, name="import_assignments"),
    path("assignments/together/", together.assignments_bulk, name="assignments_bulk"),
    path("assignments/<int:pk>/deactivate/", assignments.deactivate, name="deactivate"),
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
