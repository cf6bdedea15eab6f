"""A data analyst over a table in SQLite: safe read-only queries, charts, and answers whose numbers are checked.

    python examples/data_analyst/analyst.py ["a question" ...]

The data: 344 penguins of the Palmer Archipelago (Gorman, Williams and Fraser 2014, PLoS ONE 9(3): e90081; CC0),
as penguins.csv beside this file.
"""

import csv
import re
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Literal

from agentkit import (
    Agent,
    Context,
    Middleware,
    ModelCall,
    OutputInvalid,
    ToolError,
    ToolResult,
    model_from_environment,
    tool,
)
from agentkit.chat import ChatCompletion, UserMessage

ROWS = 200  # that one query may give
STEPS = 2_000_000  # of SQLite's virtual machine that one query may take
ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}

Measure = Literal["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
Group = Literal["species", "island", "sex", "year"]
HOW = {"average": "avg", "minimum": "min", "maximum": "max", "number": "count"}

INSTRUCTIONS = """You analyse the table `penguins`: species, island, bill_length_mm, bill_depth_mm, flipper_length_mm,
body_mass_g, sex, year; unknown values are NULL. Look things up before you answer. Every number in your answer must
stand in a result, or be one rounded. Say in one or two sentences what was asked, with units."""


@dataclass(frozen=True)
class Data:
    """What the tools need: the database, and where charts go."""

    database: Path
    charts: Path

    def rows(self, sql: str, values: tuple[object, ...] = ()) -> list[dict[str, object]]:
        """The rows of one SELECT. Raises ToolError for anything else, for too many rows, and for too much work."""
        with closing(sqlite3.connect(f"{self.database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            connection.set_authorizer(only_reads)
            connection.set_progress_handler(lambda: 1, STEPS)
            connection.row_factory = sqlite3.Row
            try:
                found = connection.execute(sql, values).fetchmany(ROWS + 1)
            except (sqlite3.Error, sqlite3.Warning) as error:
                raise ToolError(f"the query failed: {error}") from None
        if len(found) > ROWS:
            raise ToolError(f"the query gives more than {ROWS} rows; aggregate, or add LIMIT")
        return [dict(row) for row in found]


def only_reads(action: int, *details: str | None) -> int:
    """SQLite asks before each step of a statement that it prepares."""
    return sqlite3.SQLITE_OK if action in ALLOWED else sqlite3.SQLITE_DENY


@tool(effect="read")
def run_sql(ctx: Context[Data], sql: str) -> list[dict[str, object]]:
    """Run one SELECT statement of SQLite.

    Args:
        sql: The statement
    """
    return ctx.deps.rows(sql)


@tool(effect="read")
def summarise(
    ctx: Context[Data],
    measure: Measure,
    how: Literal["average", "minimum", "maximum", "number"] = "average",
    by: Group | None = None,
) -> list[dict[str, object]]:
    """Average, minimum, maximum or number of the known values of a measure.

    Args:
        measure: The column
        how: What of its values
        by: One row for each of these; all penguins together when left out
    """
    return _summary(ctx.deps, measure, how, by)


@tool(effect="idempotent")
def draw_chart(ctx: Context[Data], measure: Measure, by: Group) -> ToolResult:
    """Draw a bar chart into a file.

    Args:
        measure: The column
        by: One bar for each of these, as long as the mean
    """
    rows = _summary(ctx.deps, measure, "average", by)
    svg = bars([(str(row[by]), float(str(row["value"]))) for row in rows], f"{measure} by {by}")
    path = ctx.deps.charts / f"{measure}_by_{by}.svg"
    path.write_text(svg, encoding="utf-8")
    return ToolResult({"file": path.name, "rows": rows}, data={"svg": svg})


def _summary(data: Data, measure: str, how: str, by: str | None) -> list[dict[str, object]]:
    """The names come from the tools' closed sets, never from a text."""
    value = f"round({HOW[how]}({measure}), 2) AS value"
    if by is None:
        return data.rows(f"SELECT {value} FROM penguins")
    return data.rows(f"SELECT {by}, {value} FROM penguins WHERE {by} IS NOT NULL GROUP BY {by} ORDER BY {by}")


def bars(rows: list[tuple[str, float]], title: str) -> str:
    """A bar chart as SVG; bars begin at 0."""
    top, height = max((value for _, value in rows), default=1.0), 40 + 34 * len(rows)
    body = [f'<text x="10" y="22" font-weight="600">{escape(title)}</text>']
    for n, (name, value) in enumerate(rows):
        y, width = 40 + 34 * n, round(300 * value / top, 1)
        body.append(f'<text x="110" y="{y + 16}" text-anchor="end">{escape(name)}</text>')
        body.append(f'<rect x="120" y="{y}" width="{width}" height="22" rx="3" fill="#2f7ed8"/>')
        body.append(f'<text x="{128 + width}" y="{y + 16}">{value:,g}</text>')
    style = 'font-family="system-ui, sans-serif" font-size="13" fill="#222"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="500" height="{height}" {style}>{"".join(body)}</svg>\n'


_NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?![\w])")


def numbers(text: str) -> set[str]:
    """The numbers of a text, without the commas between thousands."""
    return {found.replace(",", "").rstrip(".") for found in _NUMBER.findall(text)}


def unsupported(answer: str, sources: str) -> set[str]:
    """The numbers of an answer that no source has, not even before rounding. Small counting words pass: 0 to 10."""
    known = [float(number) for number in numbers(sources)]

    def found(number: str) -> bool:
        digits = len(number.partition(".")[2])
        return any(round(value, digits) == float(number) for value in known)

    counted = {str(n) for n in range(11)}
    return {number for number in numbers(answer) if number not in counted and not found(number)}


class CheckedNumbers(Middleware):
    """An answer with numbers that stand in no result goes back once, then the run ends."""

    async def around_model(
        self, call: ModelCall, proceed: Callable[[ModelCall], Awaitable[ChatCompletion]]
    ) -> ChatCompletion:
        """Ask, check, and ask again with what is wrong."""
        completion = await proceed(call)
        wrong = self._wrong(call, completion)
        if not wrong:
            return completion
        told = UserMessage(content=f"No result has these numbers: {', '.join(sorted(wrong))}. Answer from the results.")
        request = call.request.with_messages((*call.request.messages, told))
        completion = await proceed(replace(call, request=request))
        wrong = self._wrong(call, completion)
        if wrong:
            raise OutputInvalid(f"the answer has numbers that stand in no result: {', '.join(sorted(wrong))}")
        return completion

    def _wrong(self, call: ModelCall, completion: ChatCompletion) -> set[str]:
        said = "\n".join(str(message.content) for message in call.request.messages if message.role in ("tool", "user"))
        return set() if completion.message.calls else unsupported(completion.message.text, said)


analyst = Agent(
    model_from_environment(),
    name="analyst",
    deps=Data,
    tools=[summarise, draw_chart, run_sql],
    instructions=INSTRUCTIONS,
    middleware=[CheckedNumbers()],
)


def load(folder: Path) -> Data:
    """The table in a new database in this folder."""
    data = Data(folder / "penguins.db", folder)
    with (Path(__file__).parent / "penguins.csv").open(encoding="utf-8", newline="") as file:
        rows = [{name: None if value == "NA" else value for name, value in row.items()} for row in csv.DictReader(file)]
    with closing(sqlite3.connect(data.database)) as connection, connection:
        connection.execute("DROP TABLE IF EXISTS penguins")
        connection.execute(
            "CREATE TABLE penguins (species TEXT, island TEXT, bill_length_mm REAL, bill_depth_mm REAL,"
            " flipper_length_mm REAL, body_mass_g REAL, sex TEXT, year INTEGER)"
        )
        columns = ", ".join(f":{name}" for name in rows[0])
        connection.executemany(f"INSERT INTO penguins VALUES ({columns})", rows)
    return data


def main(questions: list[str]) -> None:
    """Answer each question; charts land in the current folder."""
    data = load(Path.cwd())
    for question in questions:
        print(f"> {question}")
        print(analyst.run_sync(question, deps=data).output)


if __name__ == "__main__":
    main(
        sys.argv[1:]
        or [
            "What is the average body_mass_g by species?",
            "Draw a chart of flipper_length_mm by island.",
            "Run the sql 'select count(*) as penguins from penguins'",
        ]
    )
