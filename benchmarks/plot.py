"""SVG plots, written by hand: bars and lines are all that the page needs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

OURS, OTHERS, LIMIT = "#2f7d4f", "#8fa3b8", "#c9b458"
WIDTH, LEFT, ROW = 760, 240, 24
_FRAME = '<svg xmlns="http://www.w3.org/2000/svg" width="{}" height="{}" font-family="sans-serif" font-size="13">'
_WHITE = '<rect width="100%" height="100%" fill="white"/>'


def color(name: str) -> str:
    """agentkit, the bare loops and the peers look different everywhere."""
    return OURS if name.startswith("agentkit") else LIMIT if name.startswith("bare loop") else OTHERS


def bars(file: Path, title: str, values: Mapping[str, float], digits: int = 0) -> None:
    """A bar for each client, the shortest first, its length linear in its value."""
    ordered = sorted(values.items(), key=lambda item: item[1])
    longest = max(values.values(), default=1.0)
    lines = [f'<text x="10" y="20" font-weight="bold">{title}</text>']
    for place, (name, value) in enumerate(ordered):
        y, width = 34 + place * ROW, (WIDTH - LEFT - 90) * value / longest
        lines.append(f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{name}</text>')
        lines.append(f'<rect x="{LEFT}" y="{y}" width="{max(width, 1):.1f}" height="18" fill="{color(name)}"/>')
        lines.append(f'<text x="{LEFT + width + 6:.1f}" y="{y + 14}">{value:,.{digits}f}</text>')
    _write(file, 44 + len(ordered) * ROW, lines)


def curves(file: Path, title: str, rows: Mapping[str, Sequence[float]]) -> None:
    """A line for each client over its turns; the upright axis is logarithmic, for the values lie far apart."""
    height, bottom, top = 420, 380, 40
    every = [value for row in rows.values() for value in row]
    low, high = math.floor(math.log10(min(every))), math.ceil(math.log10(max(every)))

    def y(value: float) -> float:
        return bottom - (bottom - top) * (math.log10(value) - low) / (high - low)

    lines = [f'<text x="10" y="20" font-weight="bold">{title}</text>']
    for power in range(low, high + 1):
        lines.append(f'<line x1="70" x2="560" y1="{y(10**power):.1f}" y2="{y(10**power):.1f}" stroke="#ddd"/>')
        lines.append(f'<text x="62" y="{y(10**power) + 4:.1f}" text-anchor="end">{10**power:,}</text>')
    taken: list[float] = []
    for name, row in sorted(rows.items(), key=lambda item: -item[1][-1]):
        points = " ".join(f"{70 + 490 * n / (len(row) - 1):.1f},{y(value):.1f}" for n, value in enumerate(row))
        lines.append(f'<polyline points="{points}" fill="none" stroke="{color(name)}" stroke-width="1.5"/>')
        at = max([y(row[-1]) + 4, *(other + 15 for other in taken[-1:])])
        taken.append(at)
        lines.append(f'<text x="566" y="{at:.1f}">{name}</text>')
    lines.append(f'<text x="315" y="{bottom + 26}" text-anchor="middle">turn</text>')
    _write(file, height, lines)


def _write(file: Path, height: int, lines: list[str]) -> None:
    frame = _FRAME.format(WIDTH, height)
    file.write_text("\n".join([frame, _WHITE, *lines, "</svg>"]) + "\n")
