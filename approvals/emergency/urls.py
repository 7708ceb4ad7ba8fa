"""Addresses of what came of activations in an emergency."""

from django.urls import path

from approvals.emergency import views

urlpatterns = [
    path("", views.emergencies, name="emergencies"),
    path("<int:pk>/", views.emergency, name="emergency"),
    path("<int:pk>/end/", views.end_emergency, name="end_emergency"),
]
