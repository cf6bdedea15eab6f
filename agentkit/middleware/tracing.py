"""Tracing: the spans and metrics of runs, for OpenTelemetry."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from agentkit.errors import ConfigurationError, missing_extra

from .attributes import Attributes
from .span import Span
from .spans import DURATION, TOKENS, Spans

if TYPE_CHECKING:
    from opentelemetry import context, metrics, propagate, trace
else:  # the extra `otel`; without it Tracing says so
    try:
        from opentelemetry import context, metrics, propagate, trace
    except ImportError:
        trace = None

# (unit, what it is, bounds of its buckets), as the conventions advise.
_METRICS = {
    DURATION: ("s", "GenAI operation duration.", [0.01 * 2**n for n in range(14)]),
    TOKENS: ("{token}", "Number of input and output tokens used.", [4.0**n for n in range(14)]),
}


class Tracing(Spans):
    """Middleware that sends GenAI spans and metrics to OpenTelemetry (the extra `otel`).

    content: also messages, arguments, results and errors' texts; off, as they hold what people wrote. provider:
    `gen_ai.provider.name`; every endpoint here speaks OpenAI's format. tracer_provider, meter_provider: the global
    ones unless given. Raises ConfigurationError without the package opentelemetry-api.
    """

    def __init__(
        self,
        *,
        content: bool = False,
        provider: str = "openai",
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
    ) -> None:
        if trace is None:
            raise missing_extra("Tracing", "otel")
        for given, kind in ((tracer_provider, "get_tracer"), (meter_provider, "get_meter")):
            if given is not None and not hasattr(given, kind):
                raise ConfigurationError(f"Tracing was given {given!r}; give a provider of OpenTelemetry, or None")
        super().__init__(_OpenTelemetry(tracer_provider, meter_provider), content=content, provider=provider)


class _OpenTelemetry:
    def __init__(
        self, tracer_provider: trace.TracerProvider | None, meter_provider: metrics.MeterProvider | None
    ) -> None:
        self._tracer = trace.get_tracer("agentkit", tracer_provider=tracer_provider)
        meter = metrics.get_meter("agentkit", meter_provider=meter_provider)
        self._histograms = {
            name: meter.create_histogram(name, unit, about, explicit_bucket_boundaries_advisory=bounds)
            for name, (unit, about, bounds) in _METRICS.items()
        }

    def start(self, name: str, parent: Span | None, attributes: Attributes, *, remote: bool) -> Span:
        kind = trace.SpanKind.CLIENT if remote else trace.SpanKind.INTERNAL
        around = trace.set_span_in_context(parent.span) if isinstance(parent, _OpenTelemetrySpan) else None
        return _OpenTelemetrySpan(self._tracer.start_span(name, around, kind, attributes))

    def measure(self, metric: str, value: float, attributes: Attributes) -> None:
        self._histograms[metric].record(value, attributes)


class _OpenTelemetrySpan:
    def __init__(self, span: trace.Span) -> None:
        self.span = span

    def set(self, attributes: Attributes) -> None:
        self.span.set_attributes(attributes)

    def add_event(self, name: str, attributes: Attributes) -> None:
        self.span.add_event(name, attributes)

    def end(self, error: str, message: str) -> None:
        if error:
            self.span.set_attribute("error.type", error)
            self.span.set_status(trace.StatusCode.ERROR, message or None)
        self.span.end()

    def current(self) -> AbstractContextManager[object]:
        return trace.use_span(self.span, record_exception=False, set_status_on_exception=False)

    def headers(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        propagate.inject(found, trace.set_span_in_context(self.span, context.get_current()))
        return found
