"""The lines of a file to import: reading them, with a sentence for whatever cannot be read."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import datetime, time

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from audit.journal.refusing import Refused
from audit.spreadsheet import AT_FRONT

COLUMNS = (
    "role",
    "directory",
    "scope",
    "kind",
    "principal",
    "principal_kind",
    "starts_at",
    "ends_at",
    "justification",
    "ticket",
    "action",
)
NEEDED = ("role", "directory", "kind", "principal")
TOLD_ONLY = ("state",)  # in a download of the list; says how it stood, and is not read
MOST_ROWS = 5_000
MOST_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True)
class Line:
    """One line of the file: its number as an editor counts it (the first record's), and its cells by column."""

    number: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        if column not in COLUMNS:
            raise KeyError(column)
        return self.cells.get(column, "")


def text_of(content: bytes) -> str:
    """The text of an uploaded file.

    Raises:
        Refused: it is too large, or not text in UTF-8.
    """
    if len(content) > MOST_BYTES:
        raise Refused(_("The file is larger than 2 MB. Divide it."), field="file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(
            _("The file is not in UTF-8 (byte %(n)s). Save it as “CSV UTF-8”.") % {"n": error.start + 1},
            field="file",
        ) from error


def lines_of(text: str) -> list[Line]:
    """The lines of a CSV file with a head, divided by commas or semicolons.

    Raises:
        Refused: it is empty or too large, or its head or a line cannot be read.
    """
    if len(text.encode(errors="replace")) > MOST_BYTES:
        raise Refused(_("The text is larger than 2 MB. Divide it."), field="text")
    if "\x00" in text:
        raise Refused(_("This is not text: it holds a zero character."), field="text")
    text = text.lstrip("\ufeff")
    head = text.partition("\n")[0]
    divider = ";" if head.count(";") > head.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=divider, strict=True)
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        _check_head(names)
        lines = []
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(names):
                raise Refused(
                    _("Line %(n)s has %(m)s cells; the head has %(k)s.")
                    % {"n": reader.line_num, "m": len(cells), "k": len(names)},
                    field="text",
                )
            lines.append(
                Line(reader.line_num, {name: _plain(cell) for name, cell in zip(names, cells, strict=True)})
            )
            if len(lines) > MOST_ROWS:
                raise Refused(
                    _("At most %(n)s lines in one file. Divide it.") % {"n": MOST_ROWS}, field="text"
                )
    except csv.Error as error:
        raise Refused(
            _("Line %(n)s cannot be read: %(why)s.") % {"n": reader.line_num, "why": error}, field="text"
        ) from error
    if not lines:
        raise Refused(_("There is a head, and nothing below it."), field="text")
    return lines


def _check_head(names: list[str]) -> None:
    if not any(names):
        raise Refused(_("There is nothing to import. Choose a file, or paste its text."), field="text")
    if missing := [name for name in NEEDED if name not in names]:
        raise Refused(
            _("The first line must name the columns. Missing: %(names)s.") % {"names": ", ".join(missing)},
            field="text",
        )
    if strange := [name for name in names if name not in COLUMNS + TOLD_ONLY]:
        raise Refused(
            _("There is no column called %(names)s. There are: %(all)s.")
            % {"names": ", ".join(name[:40] or "“”" for name in strange), "all": ", ".join(COLUMNS)},
            field="text",
        )
    if len(set(names)) != len(names):
        raise Refused(_("A column is named twice in the first line."), field="text")


def _plain(cell: str) -> str:
    """The cell without the apostrophe that a download puts before what would be a formula."""
    return cell[1:].strip() if cell.startswith("'") and AT_FRONT.match(cell[1:]) else cell.strip()


def moment_of(said: str) -> datetime | None:
    """A moment as a file says it: ISO 8601, in the reader's zone where it names none; a day begins at midnight.

    Raises:
        ValueError: it is none.
    """
    if not said:
        return None
    at = parse_datetime(said)
    if at is None:
        day = parse_date(said)
        if day is None:
            raise ValueError(said)
        at = datetime.combine(day, time.min)
    if not 1 < at.year < 9999:
        raise ValueError(said)
    return timezone.make_aware(at) if timezone.is_naive(at) else at
