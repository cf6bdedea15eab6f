"""`agentkit eval`: what the suites of a file find."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import click

from agentkit.errors import ConfigurationError
from agentkit.evals import Report, Suite, compare

from .commands import COMMANDS, FAILED, OK
from .target import all_at
from .terminal import complain, say

HELP = f"""{COMMANDS["eval"]}

FILE holds suites, `suite = Suite(agent, [Case(...)])`; FILE:name means one of several. Exits with 1 when a score stays
below its threshold."""


@click.command(help=HELP)
@click.argument("file", metavar="FILE")
@click.option("--trials", type=click.IntRange(1), help="Try each case so often.")
@click.option("--concurrency", type=click.IntRange(1), default=8, show_default=True, help="Trials at the same time.")
@click.option("--json", "json_file", metavar="FILE", help="Write the report as JSON ('-': to standard output).")
@click.option("--html", "html_file", metavar="FILE", help="Write the report as a page.")
@click.option("--compare", "before", metavar="REPORT.json", help="Compare with an earlier report, case by case.")
def command(
    file: str, trials: int | None, concurrency: int, json_file: str | None, html_file: str | None, before: str | None
) -> int:
    suites = all_at(file, Suite, "suite = Suite(agent, [Case(...)])")
    if len(suites) > 1 and (json_file or html_file or before):
        raise click.UsageError(f"{file} holds {len(suites)} suites: name one, {file}:{next(iter(suites))}")
    earlier = _read(before) if before is not None else None
    passed = True
    for suite in suites.values():
        report = _run(suite if trials is None else replace(suite, trials=trials), concurrency)
        passed = passed and report.passed
        if json_file != "-":
            say(str(report))
        if earlier is not None:
            complain(str(compare(earlier, report)))
        _write(json_file, report.model_dump_json(indent=1) + "\n")
        _write(html_file, report.html() if html_file is not None else "")
    return OK if passed else FAILED


def _run(suite: Suite, concurrency: int) -> Report:
    with _progress(suite.name or suite.agent.spec.name) as progress:

        async def main() -> Report:
            return await suite.run(concurrency=concurrency, progress=progress)

        return anyio.run(main)


@contextmanager
def _progress(name: str) -> Generator[Callable[[int, int], None] | None]:
    """A bar on a terminal's standard error; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # a tenth of a second that only terminals pay
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _read(path: str) -> Report:
    try:
        return Report.read(Path(path).read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}") from None


def _write(path: str | None, text: str) -> None:
    if path is None:
        return
    if path == "-":
        click.echo(text, nl=False)
        return
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror or error}") from None
