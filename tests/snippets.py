"""snippets.py PAGE.md: runs a page's Python snippets in order, as one program; tracebacks name the page's lines."""

import ast
import asyncio
import sys
import types
from collections.abc import Iterator
from pathlib import Path

FENCE = "```"


def snippets(page: str) -> Iterator[str]:
    """Each snippet behind as many empty lines as stand above it in the page."""
    lines = page.splitlines()
    start: int | None = None
    python = False
    for number, line in enumerate(lines):
        if not line.lstrip().startswith(FENCE):
            continue
        if start is None:
            start, python = number + 1, line.strip() == f"{FENCE}python"
            if line.strip().startswith(f"{FENCE}python ") or line.strip() == f"{FENCE}py":
                raise SystemExit(f"line {number + 1}: {line!r} would not be run; write {FENCE}python")
        else:
            if python:
                indent = len(lines[start]) - len(lines[start].lstrip())
                yield "\n" * start + "\n".join(text[indent:] for text in lines[start:number])
            start = None


def run(path: Path) -> int:
    """Snippets with a top-level `await` run in a loop of their own; all share one namespace. Returns how many ran."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    count = 0
    for text in snippets(path.read_text(encoding="utf-8")):
        code = compile(text, str(path), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = eval(code, module.__dict__)
        if result is not None:
            asyncio.run(result)
        count += 1
    return count


if __name__ == "__main__":
    print(f"{run(Path(sys.argv[1]))} snippets ran")
