"""Runs as one page that needs nothing else: a tree, and beside it a bar for the time of each step."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape

from .node import Node, seconds_text, tokens_text

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --run: #64748b; --chat: #3b82f6; --tool: #10b981; --bad: #ef4444; }}
body {{ font: 14px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }}
h1 {{ font-size: 1.2rem; }} h2 {{ font-size: 1rem; margin: 2rem 0 .5rem; }}
small, dt {{ opacity: .7; }}
summary {{ display: grid; grid-template-columns: minmax(14rem, 2fr) 5rem 3fr; gap: 1rem; align-items: center;
  cursor: pointer; list-style: none; border-bottom: 1px solid #8883; }}
summary > :first-child {{ overflow-wrap: anywhere; }}
summary > :nth-child(2) {{ text-align: right; font-variant-numeric: tabular-nums; }}
.lane {{ position: relative; height: 1rem; }}
.bar {{ position: absolute; height: 100%; min-width: 2px; border-radius: 2px; background: var(--run); }}
.chat {{ background: var(--chat); }} .execute_tool {{ background: var(--tool); }} .error {{ background: var(--bad); }}
.early {{ background-image: repeating-linear-gradient(45deg, #fff6 0 3px, transparent 3px 6px); }}
.remark {{ opacity: .7; }} .remark.bad {{ color: var(--bad); opacity: 1; }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; margin: .3rem 0 .6rem 2rem; }}
dd {{ margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font-family: ui-monospace, monospace; }}
</style>
<h1>{title}</h1>
{runs}
</html>
"""


def page(title: str, runs: Sequence[Node]) -> str:
    """The page. It has no script and asks for nothing; everything that runs wrote is escaped."""
    return _PAGE.format(title=escape(title), runs="\n".join(_run(run) for run in runs))


def _run(run: Node) -> str:
    begun = datetime.fromtimestamp(run.start).isoformat(" ", "seconds") if run.start is not None else ""
    facts = " · ".join(filter(None, [begun, seconds_text(run.seconds), tokens_text(run), run.id]))
    end = run.end or 0.0
    start = run.start or 0.0
    rows = "\n".join(_row(node, depth, start, max(end - start, 1e-9)) for node, depth in run.walk())
    return f"<h2>{escape(run.name)} <small>{escape(facts)}</small></h2>\n{rows}"


def _row(node: Node, depth: int, start: float, whole: float) -> str:
    bar = ""
    if node.start is not None:
        left, width = (100 * (node.start - start) / whole, 100 * (node.seconds or 0) / whole)
        kinds = [node.name.split()[0], "error" if node.error else "", *(n for n in node.notes if n == "early")]
        style = f"left: {left:.3f}%; width: {width:.3f}%"
        bar = f'<div class="bar {escape(" ".join(filter(None, kinds)))}" style="{style}"></div>'
    remarks = ", ".join(filter(None, [node.error, *node.notes, tokens_text(node)]))
    remark = f'<span class="remark{" bad" if node.error else ""}">{escape(remarks)}</span>' if remarks else ""
    name = f'<span style="padding-left: {1.2 * depth:.1f}rem">{escape(node.name)} {remark}</span>'
    lane = f'<span>{seconds_text(node.seconds)}</span><div class="lane">{bar}</div>'
    about = "".join(f"<dt>{escape(key)}</dt><dd>{escape(str(value))}</dd>" for key, value in node.about.items())
    return f"<details><summary>{name}{lane}</summary><dl>{about}</dl></details>"
