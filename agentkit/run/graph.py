"""An agent system as a picture: who hands over to whom, who asks whom, and which tools each has."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Literal

from .nested import team_of
from .spec import AgentSpec, Handoff, handoff_of

ROW, LETTER, PAD, GAP = 20, 7.3, 12, 90  # pixels: a row of text, a letter, inside a box, between columns
_STYLE = """
text { font: 12px ui-monospace, monospace; fill: #1f2937 }
.name { font-weight: bold; font-size: 13px }
.label { font-size: 11px; fill: #4b5563 }
rect { fill: #f8fafc; stroke: #475569; rx: 6px }
path { fill: none; stroke: #475569; marker-end: url(#tip) }
.asks { stroke-dasharray: 5 4 }
marker path { fill: #475569; stroke: none; marker-end: none }
"""


@dataclass(frozen=True, slots=True)
class Node:
    """One agent: its name, its model's, its own tools as "name" or "name (approval)"; steps from the first agent."""

    name: str
    model: str
    tools: tuple[str, ...]
    steps: int


@dataclass(frozen=True, slots=True)
class Edge:
    """From one agent to another, by their places among the nodes."""

    source: int
    target: int
    kind: Literal["hands over", "asks"]
    label: str


@dataclass(frozen=True, slots=True)
class Graph:
    """What `agent.graph()` gives: the nodes and edges, as mermaid text, or as an SVG that needs nothing else."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    @property
    def mermaid(self) -> str:
        """A mermaid flowchart: solid arrows hand over, dashed ones ask."""
        lines = ["flowchart LR"]
        for place, node in enumerate(self.nodes):
            rows = "<br/>".join(map(_quoted, (f"{node.name} · {node.model}", *node.tools)))
            lines.append(f'    a{place}["{rows}"]')
        for edge in self.edges:
            arrow = "-->" if edge.kind == "hands over" else "-.->"
            label = f'|"{_quoted(edge.label)}"|' if edge.label else ""
            lines.append(f"    a{edge.source} {arrow}{label} a{edge.target}")
        return "\n".join(lines) + "\n"

    def svg(self) -> str:
        """The picture: a column for each step from the first agent."""
        boxes = _boxes(self.nodes)
        width = max(box.x + box.width for box in boxes) + GAP / 2
        height = max(box.y + box.height for box in boxes) + GAP * 0.6
        drawn = [_drawn(node, box) for node, box in zip(self.nodes, boxes, strict=True)]
        arrows = [_arrow(edge, boxes[edge.source], boxes[edge.target]) for edge in self.edges]
        tip = (
            '<marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
            '<path d="M0,0 L8,4 L0,8 z"/></marker>'
        )
        body = "\n".join([f"<style>{_STYLE}</style>", f"<defs>{tip}</defs>", *arrows, *drawn])
        size = f'width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}"'
        return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n{body}\n</svg>\n'


def graph_of(first: AgentSpec) -> Graph:
    """The agents that this one reaches, by hand-overs and as tools, in the order they are met."""
    specs, steps, edges = [first], [0], list[Edge]()
    for place, spec in enumerate(specs):  # grows while it is read
        for tool in spec.by_name.values():
            inner, handoff = team_of(tool), handoff_of(tool)
            target = inner.first if inner is not None else handoff.agent.spec if handoff is not None else None
            if target is None:
                continue
            known = next((n for n, other in enumerate(specs) if other is target), None)
            if known is None:
                known = len(specs)
                specs.append(target)
                steps.append(steps[place] + 1)
            edges.append(Edge(place, known, "hands over" if handoff else "asks", _label(tool.name, handoff)))
    return Graph(tuple(_node(spec, n) for spec, n in zip(specs, steps, strict=True)), tuple(edges))


def _label(name: str, handoff: Handoff | None) -> str:
    """What the picture does not say already: another name than the usual one, and what is left out of the history."""
    if handoff is None:
        return name
    words = [] if name == handoff.usual_name else [name]
    if handoff.history != "all":
        words.append(f"history: {getattr(handoff.history, '__name__', handoff.history)}")
    return ", ".join(words)


def _node(spec: AgentSpec, steps: int) -> Node:
    tools = tuple(
        f"{tool.name} (approval)" if tool.approval is not False else tool.name
        for tool in spec.by_name.values()
        if team_of(tool) is None and handoff_of(tool) is None
    )
    return Node(spec.name, str(getattr(spec.model, "name", "") or type(spec.model).__name__), tools, steps)


def _quoted(text: str) -> str:
    return escape(text, quote=False).replace('"', "&quot;").replace("&", "#")  # as mermaid spells entities


@dataclass(frozen=True, slots=True)
class _Box:
    x: float
    y: float
    width: float
    height: float


def _boxes(nodes: tuple[Node, ...]) -> list[_Box]:
    widths = [LETTER * max(map(len, (f"{node.name} · {node.model}", *node.tools))) + 2 * PAD for node in nodes]
    columns = range(max(node.steps for node in nodes) + 1)
    widest = [max(w for w, node in zip(widths, nodes, strict=True) if node.steps == column) for column in columns]
    bottom = dict.fromkeys(columns, float(PAD))
    found: list[_Box] = []
    for node, width in zip(nodes, widths, strict=True):
        x = PAD + sum(widest[: node.steps]) + (GAP + LETTER * 12) * node.steps
        height = ROW * (1 + len(node.tools)) + PAD
        found.append(_Box(x, bottom[node.steps], width, height))
        bottom[node.steps] += height + GAP / 2
    return found


def _drawn(node: Node, box: _Box) -> str:
    x, y = box.x + PAD, box.y + ROW
    rows = [f'<text class="name" x="{x:g}" y="{y:g}">{escape(node.name)} · {escape(node.model)}</text>']
    rows += [
        f'<text x="{x:g}" y="{y + ROW * row:g}">{escape(tool)}</text>' for row, tool in enumerate(node.tools, start=1)
    ]
    rect = f'<rect x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}"/>'
    return "\n".join([f"<g>{rect}", *rows, "</g>"])


def _arrow(edge: Edge, source: _Box, target: _Box) -> str:
    if target.x > source.x:  # forwards: from side to side
        x1, y1, x2, y2 = source.x + source.width, source.y + ROW, target.x, target.y + ROW
        bend = f"{(x1 + x2) / 2:g},{y1:g} {(x1 + x2) / 2:g},{y2:g}"
        label_y = (y1 + y2) / 2 - 4
    elif target.x == source.x and target is not source:  # in one column: around the right side
        x1, y1, x2, y2 = source.x + source.width, source.y + ROW, target.x + target.width, target.y + ROW
        far = max(x1, x2) + GAP / 2
        bend, label_y = f"{far:g},{y1:g} {far:g},{y2:g}", (y1 + y2) / 2 - 4
    else:  # backwards: below both
        x1, x2 = source.x + source.width * 0.6, target.x + target.width * 0.4
        y1, y2 = source.y + source.height, target.y + target.height
        deep = max(y1, y2) + GAP * 0.6
        bend, label_y = f"{x1:g},{deep:g} {x2:g},{deep:g}", (y1 + y2 + 2 * deep) / 4 + 12
    kind = ' class="asks"' if edge.kind == "asks" else ""
    path = f'<path{kind} d="M{x1:g},{y1:g} C{bend} {x2:g},{y2:g}"/>'
    label = (
        f'<text class="label" text-anchor="middle" x="{(x1 + x2) / 2:g}" y="{label_y:g}">{escape(edge.label)}</text>'
    )
    return path + label
