"""`agentkit graph`: an agent system as a picture."""

from __future__ import annotations

from pathlib import Path

import click

from .commands import COMMANDS, OK
from .target import target_at
from .terminal import complain


@click.command(help=f"{COMMANDS['graph']}\n\nPrints mermaid text: solid arrows hand over, dashed ones ask.")
@click.argument("target")
@click.option("--svg", metavar="FILE", help="Write the picture into this file instead.")
def command(target: str, svg: str | None) -> int:
    graph = target_at(target).agent.graph()
    if svg is None:
        click.echo(graph.mermaid)
        return OK
    try:
        Path(svg).write_text(graph.svg(), encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{svg} cannot be written: {error.strerror or error}") from None
    complain(f"written to {svg}")
    return OK
