"""Which lines the mutation check breaks: every finally, shield, limit, and commit before an effect; found in the syntax."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parents[2]
ROOMS = ("run", "journal", "client", "tools")  # of agentkit
Kind = Literal["finally", "shield", "limit", "commit"]
_LIMIT = re.compile(r"\b(_?[A-Z][A-Z_]{2,}|\w*limits?|_?max\w*|allowed|retries|expires|bound|_bound|seconds)\b")
_TRANSACTION = re.compile(r"\"(BEGIN IMMEDIATE|COMMIT|ROLLBACK)\"")
_LEAST = re.compile(r"SHORTEST|least")  # limits that are kept from below
_WAITS = {"move_on_after": "None", "CapacityLimiter": "1000", "BoundedSemaphore": "1000"}  # calls that limit
_COMMITS = ("commit", "checkpoint_if_cancelled", "append")


@dataclass(frozen=True)
class Mutant:
    """One line that is broken: bytes of a file and what stands there instead."""

    file: str  # inside the project
    place: str  # function or class around it
    kind: Kind
    text: str  # the first line of what is replaced
    number: int  # among equal ones
    lines: tuple[int, int]
    start: int
    end: int
    instead: str

    @property
    def id(self) -> str:
        """Names it whatever moves around it."""
        return f"{self.file}: {self.place}: {self.kind}: {self.text}" + (f" #{self.number}" if self.number else "")

    def applied(self, source: bytes) -> bytes:
        return source[: self.start] + self.instead.encode() + source[self.end :]


def all_mutants() -> list[Mutant]:
    """Every mutant of the project, in the order of its files."""
    found: dict[str, Mutant] = {}
    for room in ROOMS:
        for path in sorted((ROOT / "agentkit" / room).rglob("*.py")):
            source = path.read_bytes()
            for mutant in _Finder(path.relative_to(ROOT).as_posix(), source).found():
                numbered, number = mutant, 0
                while numbered.id in found:
                    number += 1
                    numbered = Mutant(**{**vars(mutant), "number": number})
                found[numbered.id] = numbered
    return list(found.values())


class _Finder:
    def __init__(self, file: str, source: bytes) -> None:
        self.file, self.source = file, source
        starts = [0]
        for line in source.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        self.starts = starts

    def found(self) -> Iterator[Mutant]:
        yield from self._walk(ast.parse(self.source), "module")

    def _walk(self, node: ast.AST, place: str) -> Iterator[Mutant]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            place = node.name if place == "module" else f"{place}.{node.name}"
        if isinstance(node, ast.Try) and node.finalbody:
            yield self._mutant(place, "finally", node.finalbody[0], "pass", node.finalbody[-1])
        elif isinstance(node, ast.keyword) and node.arg == "shield":
            yield self._mutant(place, "shield", node, "shield=False")
        elif isinstance(node, ast.Expr) and self._commits(node):
            yield self._mutant(place, "commit", node, "pass")
        elif isinstance(node, ast.Compare) and (instead := self._without_limit(node)):
            yield self._mutant(place, "limit", node, instead)
        elif isinstance(node, ast.Slice) and node.upper is not None and _LIMIT.search(self._text(node.upper)):
            yield self._mutant(place, "limit", node, ":")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _WAITS:
            yield self._mutant(place, "limit", node.args[0], _WAITS[node.func.attr])
        for child in ast.iter_child_nodes(node):
            yield from self._walk(child, place)

    def _commits(self, node: ast.Expr) -> bool:
        """A statement that writes to a store, or opens or closes a transaction."""
        value = node.value
        if isinstance(value, ast.Await) and isinstance(value.value, ast.Call):
            function = value.value.func
            return isinstance(function, ast.Attribute) and function.attr in _COMMITS
        return _TRANSACTION.search(self._text(node)) is not None

    def _without_limit(self, node: ast.Compare) -> str | None:
        """What the comparison says when the limit is never reached; None when it has to do with no limit."""
        operator = node.ops[-1]
        if not isinstance(operator, ast.Gt | ast.GtE | ast.Lt | ast.LtE):
            return None
        left, right = (_LIMIT.search(self._text(side)) is not None for side in (node.left, node.comparators[-1]))
        if not left and not right:
            return None
        over = isinstance(operator, ast.Gt | ast.GtE)
        never = (not over) if right else over
        return str(never != (_LEAST.search(self._text(node)) is not None))

    def _text(self, node: ast.AST) -> str:
        return self.source[slice(*self._range(node, node))].decode()

    def _range(self, first: ast.AST, last: ast.AST) -> tuple[int, int]:
        start: int = self.starts[first.lineno - 1] + first.col_offset  # type: ignore[attr-defined]  # all ours have one
        end: int = self.starts[last.end_lineno - 1] + last.end_col_offset  # type: ignore[attr-defined]  # likewise
        return start, end

    def _mutant(self, place: str, kind: Kind, first: ast.AST, instead: str, last: ast.AST | None = None) -> Mutant:
        start, end = self._range(first, last or first)
        text = self.source[start:end].decode()
        line = self.source[:start].count(b"\n") + 1
        lines = (line, line + text.count("\n"))
        return Mutant(self.file, place, kind, text.partition("\n")[0], 0, lines, start, end, instead)
