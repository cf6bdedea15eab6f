"""Reading a trace file: lines of spans, children before parents, as trees of nodes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from agentkit.chat import Json, is_json
from agentkit.errors import ConfigurationError

from .node import Node
from .terminal import complain

_KEYS = {"name", "trace", "span", "parent", "start", "seconds", "error", "attributes", "events"}


def read_spans(path: Path) -> list[Node]:
    """The runs of the file, oldest first. What lies in a span that was never finished hangs in an `unfinished` one."""
    rows = [row for line in path.read_bytes().splitlines() if (row := _row(line)) is not None]
    broken = sum(1 for line in path.read_bytes().splitlines() if line.strip()) - len(rows)
    if broken and not rows:
        raise ConfigurationError(f"{path} is no trace file and no store: give what TraceFile or SQLiteStore wrote")
    if broken:
        complain(f"{broken} damaged lines of {path} were left out")
    nodes = {row["span"]: _node(row) for row in rows}
    roots: dict[str, Node] = {}
    for row in rows:
        node, parent = nodes[row["span"]], row["parent"]
        if parent is None:
            roots[row["span"]] = node
        elif parent in nodes:
            nodes[parent].children.append(node)
        else:  # it runs still, or was killed
            unfinished = roots.setdefault(
                parent, Node("unfinished", node.start, about={"agentkit.run.id": row["trace"]})
            )
            unfinished.children.append(node)
    for node in [*nodes.values(), *roots.values()]:
        node.children.sort(key=_begun)
    return sorted(roots.values(), key=_begun)


def _begun(node: Node) -> float:
    return node.start or 0.0


def _row(line: bytes) -> Json | None:
    try:
        row: Any = json.loads(line)
    except ValueError:
        return None
    return row if is_json(row) and row.keys() == _KEYS else None


def _node(row: Json) -> Node:
    about = row["attributes"]
    notes = [name for name, key in (("early", "agentkit.tool.early_start"),) if about.get(key)]
    if about.get("agentkit.status") == "waiting":
        notes.append("waits")
    for event in row["events"]:
        told = event["attributes"]
        delay = told.get("agentkit.retry.delay")
        notes.append(
            f"{told.get('error.type', event['name'])}" + (f", again after {delay} s" if delay is not None else "")
        )
    return Node(row["name"], row["start"], row["seconds"], row["error"] or "", notes, about)
