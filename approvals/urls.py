"""Addresses of everything about asking, deciding and holding."""

from django.urls import path

from approvals.views import assignments, decisions, requests, roles

urlpatterns = [
    path("my-roles/", roles.my_roles, name="my_roles"),
    path("my-roles/<int:pk>/activate/", roles.activate, name="activate"),
    path("my-requests/", requests.my_requests, name="my_requests"),
    path("requests/<int:pk>/", requests.request_page, name="request_page"),
    path("requests/<int:pk>/cancel/", requests.cancel_request, name="cancel_request"),
    path("requests/<int:pk>/decide/", decisions.decide, name="decide"),
    path("to-decide/", decisions.to_decide, name="to_decide"),
    path("to-decide/together/", decisions.decide_together, name="decide_together"),
    path("assignments/", assignments.assignments, name="assignments"),
    path("assignments/new/", assignments.assign, name="assign"),
    path("assignments/<int:pk>/deactivate/", assignments.deactivate, name="deactivate"),
    path("assignments/active/<int:pk>/remove/", assignments.remove_assignment, name="remove_assignment"),
    path("assignments/eligible/<int:pk>/remove/", assignments.remove_eligibility, name="remove_eligibility"),
]
