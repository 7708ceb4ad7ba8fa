"""No id of the two sections is without a test that carries it."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_every_id_of_A_and_B_is_carried_by_a_test() -> None:
    found: set[str] = set()
    for path in TESTS.rglob("test_*.py"):
        for name in re.findall(
            r"^\s*def test_((?:[A-I]\d+_)+)", path.read_text(encoding="utf-8"), re.MULTILINE
        ):
            found |= set(name.strip("_").split("_"))

    assert {f"{letter}{number}" for letter in "AB" for number in range(1, 16)} - found == set()
