"""The layered run: four agents, every ready-made layer and model around them, over one strict server.

A desk asks a bank, which hands over to an auditor; what is fetched from outside may not be posted; the desk hands over
to a mailer, whose mail needs approval.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from agentkit import Agent, Context, FallbackModel, RecordedModel, RemoteModel, RunState, tool
from agentkit.chat import Message
from agentkit.client.transport import Transport
from agentkit.middleware import Budget, Cache, Compaction, Guardrails, Price, Redact, Untrusted
from agentkit.models import Model
from tests.bank import Bank

MAIL = "ann@example.org"
ASKED = f"pay 1 and 2, and write to {MAIL}"
EFFECTS = ["paid 1", "paid 2", f"sent to {MAIL}"]
TOKENS = 1200
SCRIPTS: dict[str, list[Any]] = {
    "desk": [
        [("bank", {"input": "pay 1 and 2 for [email 1]"}), ("fetch", {"page": 1})],
        [("post", {"text": "[email 1]"}), ("fetch", {"page": 2})],
        [("fetch", {"page": 3}), ("note", {"text": "forbidden"})],
        [("transfer_to_mailer", {})],
    ],
    "bank": [[("pay", {"order": 1}), ("pay", {"order": 2})], [("transfer_to_auditor", {})]],
    "auditor": [[("note", {"text": "audited"})], "audited"],
    "mailer": [[("send", {"to": "[email 1]"})], "all done"],
    "summary": ["[email 1] is to be paid and written to."],
}


def scripted(request: dict[str, Any]) -> Any:
    """What is said next: the ids of the last calls name who made them, and at which step."""
    name = request["model"]
    if name == "down":
        return 503
    calls = [call["id"].split("-") for message in request["messages"] for call in message.get("tool_calls") or ()]
    step = int(calls[-1][1]) + 1 if calls and calls[-1][0] == name else 0
    said = SCRIPTS[name][step]
    if isinstance(said, str):
        return said
    made = [(f"{name}-{step}-{n}", tool, json.dumps(arguments)) for n, (tool, arguments) in enumerate(said)]
    functions = [{"id": id, "type": "function", "function": {"name": f, "arguments": a}} for id, f, a in made]
    return {"content": None, "tool_calls": functions}


class Layered(Bank):
    """The agents over a server, what they really did, and what the guards were shown."""

    def __init__(self, base_url: str, records: Path, transport: Transport = "stack", replays: bool = False) -> None:
        super().__init__()
        self.base_url, self.transport = base_url, transport
        self.posted: list[str] = []
        self.records, self.replays = records, replays
        self.middleware = (
            Compaction(TOKENS, keep_last=4, summarise=self.remote("summary"), pinned=is_pinned),
            Budget(5, prices={name: Price(input=1, output=1) for name in (*SCRIPTS, "down")}),
            Guardrails(input=[self.polite], output=[self.polite], tool=[self.allowed]),
            Redact("email"),
            Untrusted(egress=["post"]),
            Cache(),
        )

    async def polite(self, ctx: Context[Any], text: str) -> str | None:
        return "rude" if "rude" in text else None

    def allowed(self, call: Any) -> str | None:
        return "forbidden" if call.arguments.values.get("text") == "forbidden" else None

    @tool(effect="read", untrusted=True)
    async def fetch(self, page: int) -> str:
        """Fetch a page."""
        return f"page {page} by {MAIL}: " + "words " * 300

    @tool
    async def post(self, text: str) -> str:
        """Post to the world."""
        self.posted.append(text)
        return "posted"

    def remote(self, name: str) -> Model:
        return RemoteModel(name, base_url=self.base_url, retries=0, transport=self.transport)

    def model(self, name: str) -> Model:
        """The desk's first choice is down; what the bank says is recorded, or replayed."""
        if name == "desk":
            return FallbackModel([self.remote("down"), self.remote("desk")])
        if name == "bank":
            asked = None if self.replays else self.remote("bank")
            return RecordedModel(self.records, asked, record="missing" if asked else "once")
        return self.remote(name)

    def agent(self) -> Agent[None, str]:
        def made(name: str, tools: Any, **options: Any) -> Agent[None, str]:
            return Agent(self.model(name), name=name, instructions=f"You are {name}.", tools=tools, **options)

        bank = made("bank", [self.pay], handoffs=[made("auditor", [self.note])])
        tools = [bank.as_tool(), self.fetch, self.post, self.note]
        return made("desk", tools, handoffs=[made("mailer", [self.send])], middleware=self.middleware)


def is_pinned(message: Message) -> bool:
    return message.role == "user" and message.content == ASKED


def decided(state: RunState) -> RunState:
    """Every waiting call decided: what was approved is done, and what nobody knows was done after all."""
    for call in state.waiting:
        order = json.loads(call.arguments).get("order")
        state = (
            state.approve(call) if call.why == "approval" else state.answer(call, f"paid {order}" if order else "sent")
        )
    return state
