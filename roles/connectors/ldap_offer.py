"""How the LDAP connector is offered: known without its library, which is compiled and so not part of every portal."""

from collections.abc import Mapping
from typing import ClassVar

from .base import Connector, Setting, Unsupported


class LDAPOffer:
    """Makes an `LDAPConnector`, and says what a form asks for."""

    TITLE: ClassVar[str] = "LDAP or Active Directory"
    ASKS_FOR: ClassVar[str] = "Password of the service account"
    SETTINGS: ClassVar[tuple[Setting, ...]] = (
        Setting("url", "Address", "Like ldaps://dc1.example.test", required=True, is_address=True),
        Setting(
            "flavour",
            "Server",
            required=True,
            choices=(("openldap", "OpenLDAP"), ("active_directory", "Active Directory")),
        ),
        Setting("bind_dn", "Service account", "Its distinguished name.", required=True),
        Setting("people_base", "People are below", "A distinguished name.", required=True),
        Setting("groups_base", "Groups are below", "A distinguished name.", required=True),
        Setting("account_attribute", "Login name", "uid, or sAMAccountName for Active Directory."),
        Setting("mark_attribute", "Mark", "Of a group: where the portal notes whom it put in."),
        Setting(
            "starttls",
            "Begin TLS on ldap://",
            "It can be left out on the worker's own machine alone.",
            default="yes",
            choices=(("yes", "Yes"), ("no", "No")),
        ),
        Setting("ca_file", "Certificate authority", "File on the worker's machine."),
        Setting("dynamic_base", "Entries that end", "OpenLDAP with dynamic entries: where they are kept."),
        Setting(
            "time_to_live",
            "Memberships that end",
            "Active Directory with the Privileged Access Management feature.",
            default="no",
            choices=(("yes", "Yes"), ("no", "No")),
        ),
    )

    def __call__(self, settings: Mapping[str, object], secret: str) -> Connector:
        """The connector. Raises Unsupported without its library, and for settings it does not take."""
        try:
            from .ldap import LDAPConnector
        except ModuleNotFoundError as error:
            if error.name not in ("ldap", "_ldap"):
                raise
            raise Unsupported(
                "LDAP directories need the library python-ldap, which is not installed here: "
                "install requirements/ldap.txt."
            ) from error
        return LDAPConnector(settings, secret)
