"""Addresses of everything about role settings."""

from django.urls import path

from approvals.settings.views import changes, editor, lists, templates, together

urlpatterns = [
    path("", lists.role_settings_list, name="role_settings_list"),
    path("portal/", editor.portal_settings, name="portal_settings"),
    path("directory/<int:pk>/", editor.directory_settings, name="directory_settings"),
    path("role/<int:pk>/", editor.role_settings, name="role_settings"),
    path("role/<int:pk>/at/<int:scope>/", editor.scope_settings, name="scope_settings"),
    path("preview/<slug:place>/", editor.settings_preview, name="settings_preview"),
    path("try/<slug:place>/", editor.try_settings, name="try_settings"),
    path("compare/", lists.compare_settings, name="compare_settings"),
    path("together/", together.bulk_settings, name="bulk_settings"),
    path("templates/", templates.settings_templates, name="settings_templates"),
    path("templates/new/", templates.new_settings_template, name="new_settings_template"),
    path("templates/<int:pk>/", templates.settings_template, name="settings_template"),
    path("templates/<int:pk>/delete/", templates.delete_settings_template, name="delete_settings_template"),
    path("templates/<int:pk>/apply/", together.apply_template, name="apply_template"),
    path("changes/", changes.settings_changes, name="settings_changes"),
    path("changes/<int:pk>/", changes.settings_change, name="settings_change"),
]
