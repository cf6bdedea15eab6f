"""Tools of a bank and its mailer for tests, and what they really did."""

from __future__ import annotations

from agentkit import tool


class Bank:
    """`done` has each effect of a `write` tool."""

    def __init__(self) -> None:
        self.done: list[str] = []

    @tool
    async def pay(self, order: int) -> str:
        """Pay."""
        self.done.append(f"paid {order}")
        return f"paid {order}"

    @tool(effect="idempotent")
    async def note(self, text: str) -> str:
        """Note."""
        return "noted"

    @tool(approval=True)
    async def send(self, to: str) -> str:
        """Send."""
        self.done.append(f"sent to {to}")
        return f"sent to {to}"
