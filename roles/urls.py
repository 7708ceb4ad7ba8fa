"""Addresses of what there is."""

from django.urls import path

from roles import connect_views, drift_views, hand_views, managing_views, views

urlpatterns = [
    path("directories/", views.directories, name="directories"),
    path("directories/connect/", connect_views.connect, name="connect_directory"),
    path("directories/connect/<str:kind>/", connect_views.connect_kind, name="connect_kind"),
    path("directories/<int:pk>/connection/", connect_views.connection, name="connection"),
    path("directories/<int:pk>/connection/change/", connect_views.change_address, name="change_connection"),
    path("directories/<int:pk>/connection/roles/", connect_views.choose_roles, name="choose_roles"),
    path("directories/<int:pk>/connection/<str:what>/", connect_views.look_into, name="look_into"),
    path("directories/<int:pk>/", views.directory, name="directory"),
    path("directories/<int:pk>/scopes/add/", views.add_scope, name="add_scope"),
    path("directories/<int:pk>/scopes/<int:scope>/rename/", views.rename_scope, name="rename_scope"),
    path("directories/<int:pk>/health/", managing_views.directory_health, name="directory_health"),
    path("directories/<int:pk>/compare/", managing_views.compare_directory, name="compare_directory"),
    path("directories/<int:pk>/drift/", drift_views.directory_drift, name="directory_drift"),
    path("directories/<int:pk>/drift/together/", drift_views.settle_together, name="settle_together"),
    path("directories/<int:pk>/drift/<int:drift>/", drift_views.drift, name="drift"),
    path("directories/<int:pk>/dry-run/", managing_views.directory_dry_run, name="directory_dry_run"),
    path("directories/<int:pk>/manage/", managing_views.manage_directory, name="manage_directory"),
    path("directories/<int:pk>/observe/", managing_views.observe_directory, name="observe_directory"),
    path("directories/<int:pk>/answers/", managing_views.directory_answers, name="directory_answers"),
    path("tasks/", hand_views.tasks, name="tasks"),
    path("tasks/<int:pk>/", hand_views.task, name="task"),
    path("groups/", views.groups, name="groups"),
    path("groups/<int:pk>/", views.group, name="group"),
    path("groups/<int:pk>/manage/", views.manage_group, name="manage_group"),
]
