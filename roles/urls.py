"""Addresses of what there is."""

from django.urls import path

from roles import views

urlpatterns = [
    path("directories/", views.directories, name="directories"),
    path("directories/<int:pk>/", views.directory, name="directory"),
    path("directories/<int:pk>/scopes/add/", views.add_scope, name="add_scope"),
    path("directories/<int:pk>/scopes/<int:scope>/rename/", views.rename_scope, name="rename_scope"),
    path("groups/", views.groups, name="groups"),
    path("groups/<int:pk>/", views.group, name="group"),
    path("groups/<int:pk>/manage/", views.manage_group, name="manage_group"),
]
