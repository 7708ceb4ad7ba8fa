"""Distinguished names, compared in a form of their own: servers spell the same name in different ways."""

import ldap
import ldap.dn


def same_form(dn: str) -> str:
    """The same text for all spellings of one distinguished name; as it is, if it is none."""
    try:
        parts = ldap.dn.str2dn(dn)
    except ldap.DECODING_ERROR:
        return dn
    spelled: str = ldap.dn.dn2str(
        [
            sorted((name.lower(), " ".join(value.split()).casefold(), flags) for name, value, flags in part)
            for part in parts
        ]
    )
    return spelled


def is_below(dn: str, base: str) -> bool:
    return f",{same_form(dn)}".endswith(f",{same_form(base)}")
