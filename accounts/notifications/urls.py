from django.urls import path

from accounts.notifications import views

urlpatterns = [
    path("inbox/", views.inbox, name="inbox"),
    path("inbox/<int:pk>/", views.notification, name="notification"),
]
