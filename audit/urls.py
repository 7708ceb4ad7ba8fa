from django.urls import path

from audit import views
from audit.alerts import views as alert_views

urlpatterns = [
    path("journal/", views.journal, name="journal"),
    path("journal/download/", views.download_journal, name="download_journal"),
    path("journal/<int:number>/", views.audit_event, name="audit_event"),
    path("my-audit/", views.my_audit, name="my_audit"),
    path("my-audit/download/", views.download_my_audit, name="download_my_audit"),
    path("alerts/", alert_views.alerts, name="alerts"),
    path("alerts/<int:pk>/<str:act>/", alert_views.alert_act, name="alert_act"),
]
