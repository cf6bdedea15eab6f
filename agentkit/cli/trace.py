"""`agentkit trace`: what runs did, out of a store or a trace file, as a tree or as a page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import anyio
import click

from agentkit.errors import ConfigurationError
from agentkit.journal import Session, SQLiteStore

from .commands import COMMANDS, OK
from .entries import runs_of
from .node import Node, seconds_text, tokens_text
from .options import POSTGRES, store_at
from .spanlines import read_spans
from .terminal import complain, safe, say, styled

HELP = f"""{COMMANDS["trace"]}

FILE is what TraceFile (or --trace) or a store (or --store) wrote; postgresql://... is a store too. Without RUN the runs
are listed; RUN is the beginning of a run's id, or the name of a conversation. A trace file knows how long everything
took, an SQLite store when its entries were written."""


@click.command(help=HELP)
@click.argument("file")
@click.argument("run", required=False)
@click.option("--html", metavar="PAGE.html", type=click.Path(path_type=Path), help="Write a page instead.")
def command(file: str, run: str | None, html: Path | None) -> int:
    runs = _runs(file)
    chosen = runs if run is None else [node for node in runs if _is_meant(node, run)]
    if not runs:
        complain(f"{file} holds no run yet")
    elif not chosen:
        raise ConfigurationError(f"there is no run {run!r} in {file}; `agentkit trace {file}` lists them")
    elif html is not None:
        from .waterfall import page

        html.write_text(page(Path(file).name, chosen), encoding="utf-8")
        complain(f"wrote {html}")
    elif run is None and len(runs) > 1:
        _list(runs)
    else:
        for node in chosen:
            _show(node)
    return OK


def _runs(file: str) -> list[Node]:
    if file.startswith(POSTGRES):
        return anyio.run(_stored, file)
    path = Path(file)
    if not path.is_file():
        raise ConfigurationError(f"there is no file {file!r}; give what --trace or --store wrote")
    with path.open("rb") as opened:
        stored = opened.read(16) == b"SQLite format 3\0"
    return anyio.run(_stored, file) if stored else read_spans(path)


async def _stored(place: str) -> list[Node]:
    runs: list[Node] = []
    async with store_at(place) as store:
        for name in await store.journals():
            entries = await Session(store, name).entries()
            times = await store.times(name) if isinstance(store, SQLiteStore) else [None] * len(entries)
            found = runs_of(zip(entries, times, strict=True))
            for node in found:
                node.about["gen_ai.conversation.id"] = name
            runs += found
    return sorted(runs, key=lambda node: node.start or 0.0)


def _is_meant(node: Node, text: str) -> bool:
    return node.id.startswith(text) or node.about.get("gen_ai.conversation.id") == text


def _list(runs: Sequence[Node]) -> None:
    rows = [("RUN", "BEGUN", "AGENT", "TOOK", "TOKENS", "CONVERSATION", "")]
    for node in runs:
        begun = datetime.fromtimestamp(node.start).isoformat(" ", "seconds") if node.start is not None else ""
        conversation = str(node.about.get("gen_ai.conversation.id", ""))
        agent, took = node.name.removeprefix("invoke_agent "), seconds_text(node.seconds)
        tokens = tokens_text(node).removesuffix(" tokens")
        rows.append((node.id[:8], begun, agent, took, tokens, conversation[:24], _remarks(node)))
    for line in aligned(rows):
        say(line)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of one length as lines with their columns under each other; columns that are empty throughout left out."""
    kept = [n for n in range(len(rows[0])) if any(row[n] for row in rows[1:])]
    widths = [max(len(row[n]) for row in rows) for n in kept]
    return ["  ".join(row[n].ljust(width) for n, width in zip(kept, widths, strict=True)).rstrip() for row in rows]


def _show(root: Node) -> None:
    rows = [
        (head + node.name, _since(node, root), seconds_text(node.seconds), tokens_text(node), _remarks(node), node)
        for head, node in _branches(root)
    ]
    lines = aligned([("", "", "", ""), *(row[:4] for row in rows)])[1:]
    for line, (*_, remarks, node) in zip(lines, rows, strict=True):
        click.echo(f"{safe(line)}  {styled(remarks, fg='red') if node.error else safe(remarks)}".rstrip())
    say("")


def _branches(node: Node, lead: str = "") -> list[tuple[str, Node]]:
    """Each node with the lines that lead to it."""
    found = [(lead, node)]
    below = lead.replace("├─ ", "│  ").replace("└─ ", "   ")
    for child in node.children:
        found += _branches(child, below + ("└─ " if child is node.children[-1] else "├─ "))
    return found


def _since(node: Node, root: Node) -> str:
    if node is root or node.start is None or root.start is None:
        return ""
    return f"+{node.start - root.start:.2f}"


def _remarks(node: Node) -> str:
    return ", ".join(filter(None, [node.error, *node.notes]))
