"""Reading what a person writes: lines with a history, texts of several lines, and plain input where no terminal is."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from types import ModuleType

FENCE = '"""'


class Prompt:
    """Reads texts from standard input. A line that ends in a backslash goes on; three quotes open and close a block."""

    def __init__(self, earlier: Iterable[str] = ()) -> None:
        self._shown = sys.stdin.isatty()
        self._history = _readline() if self._shown else None
        if self._history is not None:
            for text in earlier:
                self._history.add_history(text)

    def line(self, prompt: str) -> str:
        """One line. Raises EOFError at the end of the input, KeyboardInterrupt at Ctrl-C."""
        if self._shown:
            return input(prompt)
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.rstrip("\n")

    def answer(self, prompt: str) -> str:
        """One line that stays out of the history."""
        line = self.line(prompt)
        if self._history is not None and line:
            self._history.remove_history_item(self._history.get_current_history_length() - 1)
        return line

    def text(self) -> str:
        """A text of one line or several."""
        line = self.line("> ")
        if line.strip().startswith(FENCE):
            return self._block(line.strip().removeprefix(FENCE))
        lines = [line]
        while lines[-1].endswith("\\"):
            lines[-1] = lines[-1][:-1]
            lines.append(self.line("… "))
        return "\n".join(lines)

    def _block(self, first: str) -> str:
        lines = [first] if first else []
        while not (lines and lines[-1].rstrip().endswith(FENCE)):
            lines.append(self.line("… "))
        lines[-1] = lines[-1].rstrip().removesuffix(FENCE)
        return "\n".join(lines).strip("\n")


def _readline() -> ModuleType | None:
    try:
        return importlib.import_module("readline")
    except ImportError:  # on Windows there is none, and no history
        return None
