"""Spans as text: the tree, one span a line, so that a test can show a whole trace."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentkit.middleware import Tracing

SHOWN = {"agentkit.tool.early_start": "early", "agentkit.status": "", "error.type": "error"}


class Exported:
    """OpenTelemetry's own SDK with exporters in memory, and a Tracing that sends to it."""

    def __init__(self, *, content: bool = False) -> None:
        self._spans, self._metrics = InMemorySpanExporter(), InMemoryMetricReader()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._spans))
        meters = MeterProvider(metric_readers=[self._metrics])
        self.tracing = Tracing(content=content, tracer_provider=self.provider, meter_provider=meters)

    @property
    def spans(self) -> list[ReadableSpan]:
        return sorted(self._spans.get_finished_spans(), key=lambda span: span.start_time or 0)

    @property
    def tree(self) -> str:
        return tree(
            {
                "name": span.name,
                "span": span.context.span_id,
                "parent": span.parent.span_id if span.parent else None,
                "start": span.start_time,
                "attributes": dict(span.attributes or {}),
                "events": [{"name": event.name, "attributes": dict(event.attributes or {})} for event in span.events],
            }
            for span in self.spans
        )

    def named(self, name: str) -> dict[str, Any]:
        """The attributes of the first span of this name."""
        return next(dict(span.attributes or {}) for span in self.spans if span.name == name)

    def measured(self, metric: str) -> list[tuple[dict[str, Any], Any]]:
        """(attributes, data point) of a metric."""
        data = self._metrics.get_metrics_data()
        found = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics if m.name == metric]
        return [(dict(point.attributes), point) for m in found for point in m.data.data_points]


def tree_of_file(path: Path) -> str:
    """The same out of a trace file."""
    return tree(json.loads(line) for line in path.read_text().splitlines())


def tree(rows: Iterable[Mapping[str, Any]]) -> str:
    """Names indented by depth, in the order of their beginnings, with what went wrong and what was special."""
    spans = sorted(rows, key=lambda row: row["start"])
    depths: dict[Any, int] = {None: -1}
    lines: list[str] = []

    def add(parent: Any) -> None:
        for row in spans:
            if row["parent"] == parent:
                depths[row["span"]] = depths[parent] + 1
                lines.append("  " * depths[row["span"]] + " ".join([row["name"], *_marks(row)]))
                add(row["span"])

    add(None)
    assert len(lines) == len(spans)  # none hangs in the air
    return "\n".join(lines)


def _marks(row: Mapping[str, Any]) -> list[str]:
    about = dict(row["attributes"])
    if row.get("error"):
        about["error.type"] = row["error"]
    marks = [f"{word}:{about[name]}" if word else str(about[name]) for name, word in SHOWN.items() if name in about]
    marks += [
        f"({event['name'].removeprefix('agentkit.')} {event['attributes']['error.type']})" for event in row["events"]
    ]
    return [mark.replace("early:True", "early") for mark in marks]
