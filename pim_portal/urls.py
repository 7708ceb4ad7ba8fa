"""Every address of the portal: home, health and the admin site here, the rest in the apps."""

from django.urls import include, path

from pim_portal import views
from pim_portal.admin import admin_site

urlpatterns = [
    path("", views.home, name="home"),
    path("health", views.health, name="health"),
    path("admin/", admin_site.urls),
    path("", include("accounts.urls")),
    path("", include("audit.urls")),
    path("", include("roles.urls")),
    path("", include("approvals.urls")),
]
