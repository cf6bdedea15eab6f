"""The API page, row by row: `rows.tsv` names for each row the tests that show it, and every row is there."""

from __future__ import annotations

import csv
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from .page import example_chunks, example_responses, field_paths, parameter_rows

TABLE = Path(__file__).parents[1] / "data" / "seed" / "rows.tsv"


class PageRow(NamedTuple):
    """A line of the table. `page`: the row's first two words, or the first example that prints the field."""

    number: str
    path: str
    side: str
    page: str
    tests: str


HEADER, *LINES = list(csv.reader(TABLE.read_text().splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))
ROWS = [PageRow(*line) for line in LINES]


def page_rows() -> Iterator[tuple[str, str, str]]:
    """What the page prints: (path, side, page) of each row."""
    yield from ((row.path, "request", row.words) for row in parameter_rows())
    examples = {title: field_paths(body) for title, body in example_responses().items()}
    for path in field_paths(*example_responses().values()):
        yield path, "response", next(title for title, paths in examples.items() if path in paths)
    yield from ((path, "chunk", "Streaming") for path in field_paths(*example_chunks()))


def found(test: str) -> Any:
    """The test function that `file.py::name` names, or None."""
    file, _, name = test.partition("::")
    path = Path(__file__).parent / file
    if not (name.startswith("test_") and path.is_file()):
        return None
    return getattr(importlib.import_module(f"tests.chat.{path.stem}"), name, None)


def cases(function: Any) -> list[str]:
    """The ids that parametrize gives a test function its rows by."""
    marks = [mark for mark in getattr(function, "pytestmark", ()) if mark.name == "parametrize"]
    return [case.id for mark in marks for case in mark.args[1] if getattr(case, "id", None)]


def test_the_table_holds_the_rows_of_the_page_in_their_order() -> None:
    assert tuple(HEADER) == PageRow._fields
    assert [(row.path, row.side, row.page) for row in ROWS] == list(page_rows())
    assert [row.number for row in ROWS] == [str(n) for n in range(1, len(ROWS) + 1)]


def test_the_page_has_108_parameters_41_fields_of_answers_and_12_of_chunks() -> None:
    sides = [row.side for row in ROWS]
    assert {side: sides.count(side) for side in dict.fromkeys(sides)} == {"request": 108, "response": 41, "chunk": 12}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.side}-{row.path}")
def test_a_row_names_tests_that_exist_and_one_has_a_case_of_its_own_for_it(row: PageRow) -> None:
    named = {test: found(test) for test in row.tests.split()}
    assert [test for test, function in named.items() if not callable(function)] == []
    ids = [case for function in named.values() for case in cases(function)]
    assert any(case.rpartition("-")[0] == row.path for case in ids)


def test_a_table_that_names_no_test_or_lacks_a_row_is_seen() -> None:
    assert found("test_message_rows.py::test_of_nothing") is None
    assert found("test_nowhere.py::test_x") is None
    assert found("test_message_rows.py::by") is None
    assert cases(found("test_message_rows.py::test_every_message_row_of_the_page_is_here_and_nothing_else")) == []
