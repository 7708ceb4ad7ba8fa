"""Keys of an embedded portal are made once, private, and whole."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pim_portal.embedded.keys import kept_key

pytestmark = pytest.mark.one_database


def test_a_key_is_long_and_stays_the_same(tmp_path: Path) -> None:
    key = kept_key(tmp_path / "keys" / "secret")

    assert len(key) >= 50
    assert kept_key(tmp_path / "keys" / "secret") == key
    assert kept_key(tmp_path / "keys" / "journal") != key


def test_only_its_owner_can_read_a_key(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "secret"
    kept_key(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_many_who_ask_at_once_get_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(lambda _: kept_key(tmp_path / "secret"), range(64)))

    assert len(keys) == 1
    assert len(keys.pop()) >= 50
