"""Who is who in a tenant: users by the name they sign in with or by object id."""

from collections.abc import Iterable, Iterator

from .base import FoundAccount, NotFound
from .microsoft_calls import Line, is_guid, literal, segment

AT_ONCE = 1000  # ids that Microsoft Graph looks up in one call
PAGE = "999"


class People:
    """The users of a tenant, through Microsoft Graph. They need `User.Read.All`."""

    def __init__(self, graph: Line) -> None:
        self._graph = graph

    def id_of(self, account: str) -> str:
        """The object id of this user. Raises NotFound."""
        if is_guid(account):
            try:
                return str(self._graph.get(f"/users/{segment(account)}", select="id")["id"])
            except NotFound:
                raise NotFound(f'There is no user "{account}" in the tenant.') from None
        if account.isprintable() and account:
            asked = f"userPrincipalName eq {literal(account)}"
            for found in self._graph.pages("/users", filter=asked, select="id,userPrincipalName"):
                # Looked at again: a filter that somebody on the way ignored must not name another user.
                if str(found.get("userPrincipalName", "")).lower() == account.lower():
                    return str(found["id"])
        raise NotFound(f'There is no user "{account}" in the tenant.')

    def names(self, ids: Iterable[str]) -> dict[str, str]:
        """The names of those ids that are users."""
        wanted = sorted(set(ids))
        names: dict[str, str] = {}
        for first in range(0, len(wanted), AT_ONCE):
            body = {"ids": wanted[first : first + AT_ONCE], "types": ["user"]}
            found = self._graph.send("POST", "/directoryObjects/getByIds", body).get("value") or []
            names |= {one["id"]: one["userPrincipalName"] for one in found if one.get("userPrincipalName")}
        return names

    def everybody(self) -> Iterator[FoundAccount]:
        chosen = "id,displayName,mail,userPrincipalName"
        for one in self._graph.pages("/users", select=chosen, top=PAGE):
            yield FoundAccount(
                account=str(one.get("userPrincipalName") or one["id"]),
                name=str(one.get("displayName") or ""),
                email=str(one.get("mail") or ""),
            )
