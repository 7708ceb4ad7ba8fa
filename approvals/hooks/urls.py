"""Addresses of the web hooks."""

from django.urls import path

from approvals.hooks import views

urlpatterns = [
    path("", views.hooks, name="hooks"),
    path("new/", views.new_hook, name="new_hook"),
    path("<int:pk>/", views.hook, name="hook"),
    path("<int:pk>/secret/", views.new_hook_secret, name="new_hook_secret"),
    path("<int:pk>/try/", views.try_hook, name="try_hook"),
    path("<int:pk>/remove/", views.remove_hook, name="remove_hook"),
]
