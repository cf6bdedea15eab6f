"""`agentkit doctor`: asks an endpoint, with small requests, what it supports."""

from __future__ import annotations

import dataclasses
import json

import anyio
import click

from agentkit.client import ChatClient, Timeout
from agentkit.models import Profile, RemoteModel

from .commands import COMMANDS, FAILED, OK
from .probes import PROBES, Endpoint, Finding, found, profile_of
from .telling import shortened
from .terminal import Progress, safe, say, styled
from .trace import aligned

HELP = f"""{COMMANDS["doctor"]}

MODEL is the name of a model there; without it AGENTKIT_MODEL is taken. The address and the key come from the
environment (AGENTKIT_BASE_URL, AGENTKIT_API_KEY, OPENAI_API_KEY), the address also from --base-url. About fifteen
requests of a few tokens are sent."""
_COLOURS = {"yes": "green", "no": "red", "ignored": "yellow", "unclear": "yellow"}


@click.command(help=HELP)
@click.argument("model", envvar="AGENTKIT_MODEL")
@click.option("--base-url", metavar="URL", help="The endpoint, without /chat/completions.")
@click.option("--timeout", default=60.0, show_default=True, help="Seconds to wait for each answer.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(model: str, base_url: str | None, timeout: float, as_json: bool) -> int:
    if timeout <= 0:
        raise click.UsageError("--timeout is in seconds above 0")
    patience = Timeout(first=timeout, between=timeout)
    return anyio.run(_examined, RemoteModel(model, base_url=base_url, timeout=patience, retries=1), as_json)


async def _examined(asked: RemoteModel, as_json: bool) -> int:
    model, client = asked.name, asked.client
    endpoint = Endpoint(client, model)
    findings: dict[str, Finding] = {}
    async with client:
        with Progress() as progress:
            for name, probe in PROBES.items():
                progress.show(f"{client.base_url}: {name}")
                findings[name] = await found(endpoint, probe)
                if findings["answers"].verdict != "yes":
                    break
    profile = profile_of(asked.profile, findings, endpoint)
    if as_json:
        click.echo(json.dumps({name: dataclasses.asdict(finding) for name, finding in findings.items()}, indent=2))
    else:
        _table(client, model, findings)
    if findings["answers"].verdict != "yes":
        return FAILED
    if not as_json:
        say("")
        say(f"RemoteModel({model!r}, base_url={client.base_url!r}, profile={written(profile)})")
    return OK


def _table(client: ChatClient, model: str, findings: dict[str, Finding]) -> None:
    say(f"{model} at {client.base_url}", bold=True)
    rows = [(name, finding.verdict, finding.detail) for name, finding in findings.items()]
    lines = aligned([("", "", ""), *((name, verdict, "") for name, verdict, _ in rows)])[1:]
    for line, (_, verdict, detail) in zip(lines, rows, strict=True):
        start = line[: len(line.rstrip()) - len(verdict)]
        click.echo(f"{start}{styled(verdict.ljust(8), fg=_COLOURS[verdict])} {safe(shortened(detail))}".rstrip())


def written(profile: Profile) -> str:
    """The profile as code that makes it: only what differs from the defaults."""
    plain = Profile()
    fields = [field.name for field in dataclasses.fields(Profile) if field.compare]
    changed = [name for name in fields if getattr(profile, name) != getattr(plain, name)]
    return f"Profile({', '.join(f'{name}={getattr(profile, name)!r}' for name in changed)})"
