"""Addresses of the automatic rules, their calendars and what they have decided. A rule's key is none of the fixed words."""

from django.urls import path

from approvals.automatic import calendar_views, decision_views, views

urlpatterns = [
    path("", views.automatic_rules, name="automatic_rules"),
    path("new/", views.new_automatic_rule, name="new_automatic_rule"),
    path("calendars/", calendar_views.calendars, name="calendars"),
    path("calendars/new/", calendar_views.new_calendar, name="new_calendar"),
    path("calendars/<int:pk>/", calendar_views.calendar, name="calendar"),
    path("calendars/<int:pk>/fetch/", calendar_views.fetch_now, name="fetch_calendar"),
    path("calendars/<int:pk>/remove/", calendar_views.remove_calendar, name="remove_calendar"),
    path("decisions/", decision_views.automatic_decisions, name="automatic_decisions"),
    path("decisions/<int:pk>/", decision_views.automatic_decision, name="automatic_decision"),
    path("<slug:key>/", views.automatic_rule, name="automatic_rule"),
    path("<slug:key>/new-version/", views.new_rule_version, name="new_rule_version"),
    path("<slug:key>/<int:version>/retire/", views.retire_rule, name="retire_rule"),
]
