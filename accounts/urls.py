"""Addresses of everything about people. URL name, view and template have one name."""

from django.urls import include, path

from accounts import away_views as away
from accounts import break_glass_views as break_glass
from accounts import views
from accounts.mfa import passkey_views as passkeys
from accounts.mfa import views as mfa

urlpatterns = [
    path("sign-in/", views.sign_in, name="sign_in"),
    path("sign-in/code/", mfa.sign_in_code, name="sign_in_code"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("step-up/", mfa.step_up, name="step_up"),
    path("step-up/<str:token>/", mfa.step_up, name="step_up"),
    path("invitation/<str:token>/", mfa.accept_invitation, name="accept_invitation"),
    path("enrol/", mfa.enrol_factor, name="enrol_factor"),
    path("enrol/passkey/", passkeys.enrol_passkey, name="enrol_passkey"),
    path("passkey/", passkeys.passkey_challenge, name="passkey_challenge"),
    path("second-factors/", mfa.second_factors, name="second_factors"),
    path("password/", views.change_password, name="change_password"),
    path("away/", away.away, name="away"),
    path("away/<int:pk>/end/", away.end_absence, name="end_absence"),
    path("people/", views.people, name="people"),
    path("people/invite/", views.invite_person, name="invite_person"),
    path("people/services/add/", views.add_service, name="add_service"),
    path("people/<int:pk>/", views.person, name="person"),
    path("people/<int:pk>/disable/", views.disable_person, name="disable_person"),
    path("people/<int:pk>/enable/", views.enable_person, name="enable_person"),
    path("people/<int:pk>/break-glass/", break_glass.name_break_glass, name="name_break_glass"),
    path("people/<int:pk>/break-glass/end/", break_glass.unname_break_glass, name="unname_break_glass"),
    path("people/<int:pk>/invite-again/", views.invite_again, name="invite_again"),
    path("people/<int:pk>/away/", away.person_away, name="person_away"),
    path("people/<int:pk>/help/", views.help_person, name="help_person"),
    path("", include("accounts.notifications.urls")),
]
