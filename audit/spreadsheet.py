"""CSV that a spreadsheet shows and does not run."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator

from audit.journal.plain import UNSEEN, visible

# Signs a formula may begin with: ASCII, full width (which some spreadsheets fold into ASCII), small forms, minus sign.
SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212"
BLANK = "\\s\u200b-\u200d\u2060\ufeff"
#: at the front of a cell: such a sign, white or unseen characters before it or not, or a tab or line break
AT_FRONT = re.compile(f"\\A(?:[{BLANK}]*[{SIGNS}]|[\\t\\r\\n])")
#: where a reader that divides at another character than the comma may begin a new cell inside a quoted one
INSIDE = re.compile(f"([\\n\\r\\t;|][{BLANK}]*)(?=[{SIGNS}])")

#: whatever the two above, or ``visible``, may be looking for
SUSPECT = re.compile(f"[{SIGNS}\\t\\r\\n]|{UNSEEN.pattern}")


def cell(value: object) -> str:
    """``value`` as the text of a cell that is no formula, whatever a person typed.

    An apostrophe goes before what would begin one. Control and direction characters are written out.
    """
    text = "" if value is None else str(value)
    if not text or text.isalnum() or not SUSPECT.search(text):
        return text  # nearly all of them: a download has millions
    text = INSIDE.sub(r"\1'", visible(text))
    return f"'{text}" if AT_FRONT.match(text) else text


def csv_lines(head: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """The lines of a CSV file, every cell in quotes, one at a time."""
    writer = csv.writer(_Passing(), quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    yield writer.writerow(list(head))
    for row in rows:
        yield writer.writerow([cell(value) for value in row])


class _Passing:
    """A file for the writer of lines, which hands each on instead of keeping it."""

    def write(self, line: str) -> str:
        return line
