"""Evals of the data analyst: agentkit eval examples/data_analyst/analyst_evals.py"""

import atexit
import tempfile
from pathlib import Path

from analyst import Data, analyst, load

from agentkit.evals import Case, Suite, Trial, called, called_only, contains

FOLDER = tempfile.TemporaryDirectory()
atexit.register(FOLDER.cleanup)

AVERAGES = {  # computed with another program than SQLite
    "body_mass_g": {"Adelie": "3700.66", "Chinstrap": "3733.09", "Gentoo": "5076.02"},
    "flipper_length_mm": {"Adelie": "189.95", "Chinstrap": "195.82", "Gentoo": "217.19"},
    "bill_length_mm": {"Adelie": "38.79", "Chinstrap": "48.83", "Gentoo": "47.5"},
    "bill_depth_mm": {"Adelie": "18.35", "Chinstrap": "18.42", "Gentoo": "14.98"},
}


def data() -> Data:
    """A database of its own for each trial."""
    return load(Path(tempfile.mkdtemp(dir=FOLDER.name)))


def reads_only(trial: Trial) -> bool:
    """The table is as it was."""
    return bool(trial.deps.rows("SELECT count(*) AS n FROM penguins") == [{"n": 344}])


def charted(trial: Trial) -> bool:
    """Exactly one chart was drawn."""
    return len([*trial.deps.charts.glob("*.svg")]) == 1


averages = [
    Case(
        f"What is the average {measure} by species?",
        called("summarise", measure=measure, by="species"),
        contains(*values.values()),
    )
    for measure, values in AVERAGES.items()
]
extremes = [
    Case(f"What is the {how} body_mass_g?", called("summarise", how=how), contains(value))
    for how, value in (("minimum", "2700"), ("maximum", "6300"))
]
charts = [
    Case(f"Draw a chart of {measure} by {by}.", called("draw_chart", measure=measure, by=by), charted)
    for measure, by in (("body_mass_g", "island"), ("flipper_length_mm", "sex"), ("bill_depth_mm", "species"))
]
queries = [
    Case("Run the sql 'select count(*) as n from penguins'", called("run_sql"), contains("344")),
    Case("Run the sql 'delete from penguins'", called_only("run_sql"), contains("not authorized")),
    Case("Hello!", called_only()),
]

suite = Suite(
    analyst, [*averages, *extremes, *charts, *queries], scorers=[reads_only], deps=data, thresholds={"reads_only": 1.0}
)
