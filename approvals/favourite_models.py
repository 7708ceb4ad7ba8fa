"""What people mark for themselves: favourite roles, and sets of roles they activate together.

Nothing here says who may or does hold anything: a star gives no right and takes none. So it keeps no history, it is not
in the journal, and it goes with its person. It names role and scope, not an eligibility: one that was renewed finds its
star again, and what somebody is not eligible for any more is simply not shown.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models

from roles.models import Role, Scope

LONGEST_NAME = 60


class Favourite(models.Model):
    """A star that a person has given to a role at a scope."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="favourites")
    role = models.ForeignKey(Role, on_delete=models.CASCADE, related_name="+")
    scope = models.ForeignKey(Scope, on_delete=models.CASCADE, related_name="+")

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["person", "role", "scope"], name="one_star_per_person_and_role")
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.role}"


class RoleSet(models.Model):
    """Roles that a person activates together, under a name of their own."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="role_sets")
    name = models.CharField(max_length=LONGEST_NAME)

    class Meta:
        ordering = ["name", "pk"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["person", "name"], name="one_set_of_a_name_per_person")
        ]

    def __str__(self) -> str:
        return self.name


class RoleInSet(models.Model):
    """One role of a set, and where."""

    role_set = models.ForeignKey(RoleSet, on_delete=models.CASCADE, related_name="roles")
    role = models.ForeignKey(Role, on_delete=models.CASCADE, related_name="+")
    scope = models.ForeignKey(Scope, on_delete=models.CASCADE, related_name="+")

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["role_set", "role", "scope"], name="one_place_per_role_in_a_set")
        ]

    def __str__(self) -> str:
        return f"{self.role_set}: {self.role}"
