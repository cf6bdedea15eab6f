"""The page of a report: one HTML file without anything from elsewhere."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import Any

from .intervals import Interval
from .report import CaseReport, Report, TrialReport

_STYLE = """
:root { color-scheme: light dark; --fg: #1d2330; --soft: #667085; --line: #d9dee7; --bg: #fff; --good: #17805a;
  --bad: #c0392b; --mid: #b7791f; --card: #f6f8fb }
@media (prefers-color-scheme: dark) { :root { --fg: #e6e9ef; --soft: #98a2b3; --line: #323a48; --bg: #14181f;
  --good: #3fb98b; --bad: #f0766a; --mid: #e0b252; --card: #1c222c } }
body { margin: 2.5rem auto; max-width: 62rem; padding: 0 1.25rem; background: var(--bg); color: var(--fg);
  font: 15px/1.55 system-ui, sans-serif }
h1 { font-size: 1.6rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem }
.soft { color: var(--soft) } table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--line); vertical-align: middle }
th { font-weight: 600; color: var(--soft); font-size: .85rem } td.n { font-variant-numeric: tabular-nums }
.good { color: var(--good) } .bad { color: var(--bad) } .mid { color: var(--mid) }
details { border: 1px solid var(--line); border-radius: 8px; padding: .5rem .8rem; margin: .4rem 0 }
summary { cursor: pointer; display: flex; gap: 1rem; justify-content: space-between }
pre { background: var(--card); padding: .6rem .8rem; border-radius: 6px; white-space: pre-wrap; overflow-wrap: anywhere;
  margin: .4rem 0; font-size: .85rem } svg text { fill: var(--soft); font: 12px system-ui, sans-serif }
"""


def page(report: Report) -> str:
    """The report as HTML; every text in it is escaped."""
    usd = report.usd
    seconds, tokens = [trial.seconds for trial in report.trials], [trial.tokens for trial in report.trials]
    facts = [
        f"{len(report.cases)} cases",
        f"{len(report.trials)} trials",
        f"median {report.seconds:.2f} s",
        f"{sum(tokens):,} tokens",
        "cost unknown" if usd is None else f"{usd:.4f} USD",
    ]
    verdict = ""
    if report.thresholds:
        verdict = '<p class="good">All thresholds met.</p>' if report.passed else ""
        for name, (got, least) in report.missed.items():
            verdict += f'<p class="bad">{escape(name)}: {got:.3f}, below its threshold {least:g}.</p>'
    body = [
        f"<h1>{escape(report.name)}</h1>",
        f'<p class="soft">{" · ".join(facts)}</p>',
        verdict,
        "<h2>Scores</h2>",
        '<p class="soft">Means over the cases, with 95 % intervals by the number of cases.</p>',
        _scores(report),
        "<h2>Seconds of each trial</h2>",
        _strip(seconds, f"{max(seconds):.2f} s"),
        "<h2>Tokens of each trial</h2>",
        _strip(tokens, f"{max(tokens):,} tokens"),
        "<h2>Cases</h2>",
        *[_case(case) for case in sorted(report.cases, key=lambda case: case.reliable)],
    ]
    head = (
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(report.name)}</title>'
    )
    return (
        f"<!doctype html><html lang=en><head>{head}<style>{_STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


def _scores(report: Report) -> str:
    rows = [*report.scores.items(), ("every trial in full", report.reliable)]
    cells = "".join(
        f"<tr><td>{escape(name)}<td class=n>{score.value:.3f}<td class=n>{score.low:.3f} – {score.high:.3f}"
        f"<td>{_whisker(score, report.thresholds.get(name))}"
        for name, score in rows
    )
    return f"<table><tr><th>score<th>mean<th>95 %<th>0 … 1{cells}</table>"


def _whisker(score: Interval, threshold: float | None) -> str:
    def x(value: float) -> float:
        return round(5 + 290 * value, 1)

    mark = ""
    if threshold is not None:
        mark = (
            f'<line x1="{x(threshold)}" x2="{x(threshold)}" y1="1" y2="19" stroke="var(--mid)" stroke-dasharray="3 2"/>'
        )
    return (
        '<svg width="300" height="20" role="img"><line x1="5" x2="295" y1="10" y2="10" stroke="var(--line)"/>'
        f'<line x1="{x(score.low)}" x2="{x(score.high)}" y1="10" y2="10" stroke="var(--good)" stroke-width="4"/>'
        f'<circle cx="{x(score.value)}" cy="10" r="5" fill="var(--good)"/>{mark}</svg>'
    )


def _strip(values: Sequence[float], most: str) -> str:
    """Every trial as a dot on one axis from 0 to `most`; dots of one place stand above each other."""
    top = max([*values, 1e-9])
    columns = Counter(round(value / top * 100) for value in values)
    step = min(7.0, 84 / max(columns.values()))
    dots = [
        f'<circle cx="{10 + column * 7}" cy="{85 - level * step:g}" r="3" fill="var(--good)" opacity=".75"/>'
        for column, count in sorted(columns.items())
        for level in range(count)
    ]
    return (
        f'<svg width="740" height="115" role="img">{"".join(dots)}'
        '<line x1="10" x2="710" y1="93" y2="93" stroke="var(--line)"/>'
        f'<text x="10" y="110">0</text><text x="710" y="110" text-anchor="end">{most}</text></svg>'
    )


def _case(case: CaseReport) -> str:
    scorers = dict.fromkeys(name for trial in case.trials for name in trial.scores)
    means = {name: mean for name in scorers if (mean := case.mean(name)) is not None}
    shown = " ".join(f'<span class="{_tone(mean)}">{escape(name)} {mean:.2f}</span>' for name, mean in means.items())
    trials = "".join(_trial(number, trial) for number, trial in enumerate(case.trials, 1))
    return f"<details><summary><b>{escape(case.name)}</b><span>{shown}</span></summary>{trials}</details>"


def _tone(score: float) -> str:
    return "good" if score == 1 else "bad" if score == 0 else "mid"


def _trial(number: int, trial: TrialReport) -> str:
    calls = "".join(
        f"<pre>{escape(f'{call.tool}({call.arguments}) → {call.status}')}\n{escape(call.result[:2000])}</pre>"
        for call in trial.calls
    )
    output = (
        trial.output if isinstance(trial.output, str) else json.dumps(trial.output, ensure_ascii=False, default=str)
    )
    end = f'<pre class="bad">{escape(trial.error)}</pre>' if trial.error else f"<pre>{escape(output)}</pre>"
    waits = f'<p class="mid">waits for {escape(", ".join(trial.waiting))}</p>' if trial.waiting else ""
    scores = ", ".join(f"{escape(name)} {_shown(score)}" for name, score in trial.scores.items())
    head = f"trial {number}: {scores} · {trial.seconds:.2f} s · {trial.requests} requests · {trial.tokens:,} tokens"
    return f'<p class="soft">{head}</p>{calls}{waits}{end}'


def _shown(score: Any) -> str:
    return "–" if score is None else f"{score:g}"
