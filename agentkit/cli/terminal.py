"""Writing to a terminal: colours only where they are wanted, nothing that controls it, and a line of progress."""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.status import Status


def safe(text: str) -> str:
    """The text with every character visible: what a model or a tool wrote must not control the terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\u{ord(c):04x}" for c in text)


def styled(text: str, **style: Any) -> str:
    """The safe text in a style, unless NO_COLOR is set; click takes styles away where no terminal is."""
    return safe(text) if os.environ.get("NO_COLOR") else click.style(safe(text), **style)


def write(text: str) -> None:
    """Write to standard output at once, without an end of line."""
    click.echo(safe(text), nl=False)


def say(text: str, **style: Any) -> None:
    """A line to standard output."""
    click.echo(styled(text, **style))


def complain(text: str, **style: Any) -> None:
    """A line to standard error: everything that is not the answer."""
    click.echo(styled(text, **style), err=True)


class Progress:
    """One line on a terminal's standard error that says what is waited for, and for how long; elsewhere nothing."""

    def __init__(self) -> None:
        self._status: Status | None = None
        self._on = sys.stderr.isatty()

    def show(self, text: str) -> None:
        """From now on this is waited for."""
        if not self._on:
            return
        from rich.console import Console  # a tenth of a second that only terminals pay

        self.clear()
        began = time.monotonic()
        console = Console(stderr=True, highlight=False)
        self._status = console.status(_Waited(safe(text), began))
        self._status.start()

    def clear(self) -> None:
        """Take the line away, before anything else is written."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()


class _Waited:
    """A text and the seconds since it began, rendered anew each time."""

    def __init__(self, text: str, began: float) -> None:
        self._text, self._began = text, began

    def __rich__(self) -> str:
        from rich.markup import escape

        return f"{escape(self._text)} [dim]{time.monotonic() - self._began:.0f} s[/dim]"
