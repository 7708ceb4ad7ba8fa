"""A connector as another company would write it: it imports nothing of the portal. Its directory is a folder of files."""

import os
from pathlib import Path
from types import SimpleNamespace

FAULT = os.environ.get("SAMPLE_FAULT", "")


class NoSuch(Exception):
    connector_error = "not_found"


class Refused(Exception):
    connector_error = "authentication_failed"


class Drawer:
    capabilities = SimpleNamespace(native_expiry="none", lists=True, tells_whose=True)

    def __init__(self, settings, secret):
        self._folder = Path(os.path.expandvars(settings["folder"]))
        self._secret = secret

    def check(self, entitlements=()):
        self._open()
        return {
            "version": "Drawer 1",
            "service_account": "acme",
            "administers": ["keys"],
            "rights": [],
            "missing": [f"There is no {one}." for one in entitlements if one != "keys"],
            "excess": [],
        }

    def grant(self, account, entitlement, *, not_after, operation):
        file = self._slip(account, entitlement)
        if file.exists():
            return SimpleNamespace(changed=False, preexisting=file.read_text() != "acme")
        file.write_text("acme")
        return SimpleNamespace(changed=True)

    def revoke(self, account, entitlement, *, operation, receipt=""):
        file = self._slip(account, entitlement)
        if not file.exists():
            return SimpleNamespace(changed=False)
        if FAULT != "keeps":
            file.unlink()
        return SimpleNamespace(changed=True)

    def list_grants(self, entitlements):
        self._open()
        if "keys" in entitlements:
            for file in sorted(self._folder.glob("keys-*")):
                yield SimpleNamespace(account=file.name.removeprefix("keys-"), entitlement="keys")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def _open(self):
        if not self._folder.is_dir():
            raise ConnectionError("There is no such drawer.")
        if self._secret != "open sesame":
            raise Refused("The drawer does not open with that.")

    def _slip(self, account, entitlement):
        self._open()
        if entitlement != "keys":
            raise NoSuch(f"There is no {entitlement}.")
        if account not in (self._folder / "people").read_text().split():
            raise NoSuch(f"There is no {account}.")
        return self._folder / f"keys-{account}"
