"""Finding connectors: our own by name, a third party's from its installed package, which imports nothing of ours."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from roles.connectors.base import (
    ERRORS,
    AuthenticationFailed,
    Capabilities,
    Denied,
    NotFound,
    Unavailable,
    Unsupported,
)
from roles.connectors.postgresql import PostgreSQLConnector
from roles.connectors.registry import connector_for_kind, connector_kinds, register_connector
from tests.roles.connectors.contract import ConnectorContract, Target

# A third party's whole package: a directory in memory.
MEMORY = """
from types import SimpleNamespace

HOLDERS = {"auditors": {}}
ACCOUNTS = {"alice", "bob", "carol"}


class Missing(Exception):
    connector_error = "not_found"


class MemoryConnector:
    capabilities = SimpleNamespace(native_expiry="optional", lists=True, immediate=True, verifies_accounts=True)

    def __init__(self, settings, secret):
        self.settings, self.secret = settings, secret

    def check(self, entitlements=()):
        if self.settings.get("raise"):
            raise self.settings["raise"]
        missing = [f"There is no {name}." for name in entitlements if name not in HOLDERS]
        return {"version": "1", "service_account": "m", "administers": list(HOLDERS), "missing": missing}

    def _known(self, account, entitlement):
        if account not in ACCOUNTS:
            raise Missing(f"no {account} here")
        if entitlement not in HOLDERS:
            raise Missing(f"no {entitlement} here")

    def grant(self, account, entitlement, *, not_after, operation):
        self._known(account, entitlement)
        held = HOLDERS[entitlement].get(account)
        if held is None:
            HOLDERS[entitlement][account] = ("us", not_after)
        by, end = HOLDERS[entitlement][account]
        return SimpleNamespace(changed=held is None, preexisting=by != "us", not_after=end, receipt=None)

    def revoke(self, account, entitlement, *, operation, receipt=""):
        self._known(account, entitlement)
        return SimpleNamespace(changed=HOLDERS[entitlement].pop(account, None) is not None)

    def list_grants(self, entitlements):
        for entitlement in entitlements:
            for account, (by, end) in HOLDERS.get(entitlement, {}).items():
                yield SimpleNamespace(account=account, entitlement=entitlement, not_after=end)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a package as pip would: a module, and beside it what the package says about itself."""
    monkeypatch.syspath_prepend(str(tmp_path))
    modules: list[str] = []

    def install(package: str, code: str, kind: str, factory: str = "MemoryConnector") -> None:
        module = package.replace("-", "_")
        modules.append(module)
        (tmp_path / f"{module}.py").write_text(code, encoding="utf-8")
        about = tmp_path / f"{module}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[pim_portal.connectors]\n{kind} = {module}:{factory}\n")

    yield install
    for module in modules:
        sys.modules.pop(module, None)


class TestOurOwn:
    def test_given_the_kind_postgresql_then_its_connector_comes_with_settings_and_secret(self) -> None:
        settings = {"host": "localhost", "dbname": "ledger", "user": "pim"}
        assert isinstance(connector_for_kind("postgresql", settings, "secret"), PostgreSQLConnector)
        assert "postgresql" in connector_kinds()

    def test_when_the_kinds_are_known_then_what_only_microsoft_needs_is_not_loaded_yet(self) -> None:
        code = (
            "import sys; from roles.connectors.registry import connector_kinds; "
            "assert {'azure', 'entra'} <= set(connector_kinds()); assert 'azure.identity' not in sys.modules"
        )
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)

    def test_given_an_unknown_kind_then_the_refusal_names_those_there_are(self) -> None:
        with pytest.raises(Unsupported, match=r'"mainframe".*postgresql'):
            connector_for_kind("mainframe", {})

    def test_when_a_kind_of_our_own_is_registered_then_it_is_offered(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("roles.connectors.registry._own", {})
        register_connector("ours", lambda settings, secret: PostgreSQLConnector(settings, secret))
        assert connector_kinds() == ["ours"]
        with pytest.raises(Unsupported, match="host"):
            connector_for_kind("ours", {})


class TestFromAPackage:
    def test_given_an_installed_package_then_its_kind_is_offered_and_speaks_in_our_words(
        self, install: Install
    ) -> None:
        install("acme-memory", MEMORY, "memory")
        assert "memory" in connector_kinds()
        connector = connector_for_kind("memory", {}, "secret")
        assert connector.capabilities == Capabilities(native_expiry="optional", ends_sessions=False)
        finding = connector.check()
        assert (finding["usable"], finding["rights"], finding["excess"]) == (True, [], [])
        assert connector.grant("alice", "auditors", not_after=None, operation="op-1").receipt == ""

    def test_given_a_package_with_the_name_of_a_kind_of_ours_then_ours_is_taken(
        self, install: Install
    ) -> None:
        install("acme-impostor", MEMORY, "postgresql")
        settings = {"host": "localhost", "dbname": "ledger", "user": "pim"}
        assert isinstance(connector_for_kind("postgresql", settings), PostgreSQLConnector)
        assert connector_kinds().count("postgresql") == 1

    def test_given_two_packages_with_the_same_kind_then_neither_is_taken_and_both_are_named(
        self, install: Install
    ) -> None:
        install("acme-memory", MEMORY, "memory")
        install("other-memory", MEMORY, "memory")
        with pytest.raises(Unsupported, match="acme-memory, other-memory"):
            connector_for_kind("memory", {})

    @pytest.mark.parametrize("code", ["import a_module_that_is_not_there", "1 / 0", "def broken(:", ""])
    def test_given_a_package_that_cannot_be_loaded_then_it_is_named_and_other_kinds_work(
        self, install: Install, code: str
    ) -> None:
        install("acme-broken", code, "broken")
        assert "broken" in connector_kinds()
        with pytest.raises(Unsupported, match="acme-broken"):
            connector_for_kind("broken", {})
        connector_for_kind("postgresql", {"host": "localhost", "dbname": "ledger", "user": "pim"})

    @pytest.mark.parametrize("word", ERRORS)
    def test_given_an_exception_that_carries_one_of_our_words_then_it_becomes_our_error(
        self, install: Install, word: str
    ) -> None:
        install("acme-memory", MEMORY, "memory")
        theirs = type("Theirs", (Exception,), {"connector_error": word})
        connector = connector_for_kind("memory", {"raise": theirs("in their own words")})
        with pytest.raises(ERRORS[word], match="in their own words") as refusal:
            connector.check()
        assert isinstance(refusal.value.__cause__, theirs)

    def test_given_the_word_on_a_base_class_then_it_counts_for_those_derived_from_it(
        self, install: Install
    ) -> None:
        install("acme-memory", MEMORY, "memory")
        base = type("Base", (Exception,), {"connector_error": "denied"})
        with pytest.raises(Denied):
            connector_for_kind("memory", {"raise": type("Derived", (base,), {})()}).check()

    @pytest.mark.parametrize("error", [ConnectionRefusedError("refused"), TimeoutError(), BrokenPipeError()])
    def test_given_a_line_that_breaks_then_it_is_unavailable(self, install: Install, error: OSError) -> None:
        install("acme-memory", MEMORY, "memory")
        with pytest.raises(Unavailable):
            connector_for_kind("memory", {"raise": error}).check()

    def test_given_a_foreign_class_that_is_only_called_not_found_then_it_is_not_taken_for_ours(
        self, install: Install
    ) -> None:
        install("acme-memory", MEMORY, "memory")
        theirs = type("NotFound", (Exception,), {})
        with pytest.raises(theirs) as failure:
            connector_for_kind("memory", {"raise": theirs()}).check()
        assert not isinstance(failure.value, NotFound)

    def test_given_settings_that_the_package_refuses_then_its_error_is_ours(self, install: Install) -> None:
        code = (
            MEMORY
            + "\nclass Refusal(Exception):\n    connector_error = 'authentication_failed'\n"
            + "\ndef make(settings, secret):\n    raise Refusal('no token')\n"
        )
        install("acme-strict", code, "strict", "make")
        with pytest.raises(AuthenticationFailed, match="no token"):
            connector_for_kind("strict", {})


class TestAForeignConnectorKeepsTheContract(ConnectorContract):
    @pytest.fixture
    def target(self, install: Install) -> Target:
        install("acme-memory", MEMORY, "memory")
        connector_for_kind("memory", {})
        holders = sys.modules["acme_memory"].HOLDERS["auditors"]
        return Target(
            connect=lambda: connector_for_kind("memory", {}),
            account="alice",
            entitlement="auditors",
            more_accounts=["bob", "carol"],
            can_use=lambda account: account in holders,
            grant_by_hand=lambda account: holders.update({account: ("somebody else", None)}),
        )
