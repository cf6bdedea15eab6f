"""The analyst: what a query may do, and what an answer may say."""

import json
from pathlib import Path
from typing import Any

import pytest
from analyst import ROWS, Data, analyst, bars, load, unsupported

from agentkit import OutputInvalid, ScriptedModel, ToolError


@pytest.fixture
def data(tmp_path: Path) -> Data:
    return load(tmp_path)


def test_a_query_reads(data: Data) -> None:
    assert data.rows("SELECT count(*) AS n FROM penguins") == [{"n": 344}]
    assert data.rows("SELECT round(avg(body_mass_g), 2) AS g FROM penguins WHERE species = ?", ("Adelie",)) == [
        {"g": 3700.66}
    ]


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE penguins",
        "DELETE FROM penguins",
        "UPDATE penguins SET species = 'x'",
        "INSERT INTO penguins DEFAULT VALUES",
        "ATTACH 'other.db' AS other",
        "PRAGMA writable_schema = 1",
        "SELECT 1; DROP TABLE penguins",
        "SELECT load_extension('x')",
        "CREATE TABLE t (x)",
        "VACUUM INTO 'copy.db'",
    ],
)
def test_nothing_else_is_done(data: Data, sql: str) -> None:
    with pytest.raises(ToolError):
        data.rows(sql)
    assert data.rows("SELECT count(*) AS n FROM penguins") == [{"n": 344}]
    assert sorted(path.name for path in data.charts.iterdir()) == ["penguins.db"]


def test_too_many_rows_and_too_much_work_are_refused(data: Data) -> None:
    with pytest.raises(ToolError, match=f"more than {ROWS} rows"):
        data.rows("SELECT * FROM penguins")
    with pytest.raises(ToolError, match="interrupted"):
        data.rows("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n")


@pytest.mark.parametrize(
    ("answer", "sources", "wrong"),
    [
        ("It is 3,701 g.", '[{"value":3700.66}]', set[str]()),
        ("It is 3700.7 g.", '[{"value":3700.66}]', set[str]()),
        ("It is 3700.6 g.", '[{"value":3700.66}]', {"3700.6"}),
        ("About 4000 g, of 3 species.", '[{"value":3700.66}]', {"4000"}),
        ("In 2007 it was -5.", "year 2007: -5", set[str]()),
        ("Adelie-2 and v1.2.3 are names.", "", set[str]()),
    ],
)
def test_numbers_of_an_answer_stand_in_a_result(answer: str, sources: str, wrong: set[str]) -> None:
    assert unsupported(answer, sources) == wrong


CALL: list[Any] = [("summarise", {"measure": "body_mass_g", "how": "average", "by": "species"})]


def test_a_wrong_number_goes_back_and_the_mended_answer_counts(data: Data) -> None:
    model = ScriptedModel([CALL, "Gentoo: 5,076 g."])
    with analyst.override(model=model):
        result = analyst.run_sync("Which species is heaviest?", deps=data)
    assert result.output == "Gentoo: 5,076 g."
    assert json.loads(str(result.messages[2].content))[2] == {"species": "Gentoo", "value": 5076.02}


def test_a_number_that_stays_wrong_ends_the_run(data: Data) -> None:
    wrong = ScriptedModel([CALL, "Gentoo: 6,000 g."])
    with analyst.override(model=wrong), pytest.raises(OutputInvalid, match="stand in no result: 6000"):
        analyst.run_sync("Which species is heaviest?", deps=data)


def test_a_chart_lands_in_the_folder_and_its_texts_are_escaped(data: Data) -> None:
    call: list[Any] = [("draw_chart", {"measure": "body_mass_g", "by": "sex"})]
    with analyst.override(model=ScriptedModel([call, "Drawn."])):
        analyst.run_sync("Draw it.", deps=data)
    svg = (data.charts / "body_mass_g_by_sex.svg").read_text(encoding="utf-8")
    assert svg.count("<rect") == 2
    assert "female" in svg
    assert "&lt;b&gt;" in bars([("<b>", 1.0)], "t")
