"""A support desk over an orders database: look up, change an address, refund with approval, in one conversation.

    python examples/support_desk/desk.py [orders.db]

Without a path the database is made in a temporary folder.
"""

import json
import sqlite3
import sys
import tempfile
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from agentkit import Agent, Context, RunState, Session, ToolError, model_from_environment, tool

POLICY = """You are the support desk of a small shop.
Look an order up before you change anything about it.
An address can be changed until the order is shipped.
Refund at most what was paid; a person approves every refund.
Answer in one or two sentences, and never invent an order."""


@dataclass(frozen=True)
class Desk:
    """What the tools need: where the orders are."""

    path: Path

    @contextmanager
    def orders(self) -> Generator[sqlite3.Connection]:
        """A connection for one call (tools run in threads), committed when the block ends well."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.row_factory = sqlite3.Row
            yield connection

    def order(self, number: int) -> dict[str, object]:
        """One order. Raises ToolError, whose text the model reads, if there is none."""
        with self.orders() as connection:
            row = connection.execute("SELECT * FROM orders WHERE number = ?", (number,)).fetchone()
        if row is None:
            raise ToolError(f"there is no order {number}")
        return dict(row)


@tool(effect="read")
def look_up_order(ctx: Context[Desk], number: int) -> dict[str, object]:
    """Look up what was bought, its price and its status.

    Args:
        number: Number of the order
    """
    return ctx.deps.order(number)


@tool(effect="idempotent", lock="order:{number}")
def change_address(ctx: Context[Desk], number: int, address: str) -> str:
    """Change the address of a delivery.

    Args:
        number: Number of the order
        address: The new address
    """
    if ctx.deps.order(number)["status"] != "open":
        raise ToolError(f"order {number} is already shipped; its address cannot be changed")
    with ctx.deps.orders() as connection:
        connection.execute("UPDATE orders SET address = ? WHERE number = ?", (address, number))
    return f"order {number} now goes to {address}"


@tool(effect="write", approval=True, lock="order:{number}")
def refund_order(ctx: Context[Desk], number: int, amount: float) -> str:
    """Refund money.

    Args:
        number: Number of the order
        amount: How much, in euros
    """
    paid = ctx.deps.order(number)["price"]
    with ctx.deps.orders() as connection:
        done = connection.execute(
            "UPDATE orders SET refunded = refunded + ? WHERE number = ? AND refunded + ? <= price",
            (amount, number, amount),
        )
    if done.rowcount == 0:
        raise ToolError(f"only {paid} euros were paid for order {number}")
    return f"refunded {amount:.2f} euros for order {number}"


desk_agent = Agent(
    model_from_environment(),
    name="desk",
    deps=Desk,
    tools=[look_up_order, change_address, refund_order],
    instructions=POLICY,
)


def create_orders(path: Path) -> Desk:
    """The database with three orders in it."""
    desk = Desk(path)
    with desk.orders() as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS orders (number INTEGER PRIMARY KEY, item TEXT, price REAL,"
            " status TEXT, address TEXT, refunded REAL DEFAULT 0)"
        )
        connection.executemany(
            "INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?, 0)",
            [
                (7, "lamp", 49.0, "shipped", "1 Mill Lane"),
                (8, "desk", 240.0, "open", "4 Park Road"),
                (9, "chair", 80.0, "open", "12 Hill Street"),
            ],
        )
    return desk


def decide(state: RunState) -> RunState:
    """The person at the desk: here, small refunds are approved and large ones are not."""
    for call in state.waiting:
        approved = json.loads(call.arguments)["amount"] <= 100
        print(f"  [{call.tool} {call.arguments}: {'approved' if approved else 'denied'}]")
        state = state.approve(call) if approved else state.deny(call, "refunds over 100 euros need the manager")
    return state


def converse(desk: Desk, lines: list[str]) -> None:
    """One conversation: the session remembers, so each line is only what is new."""
    session = Session()
    for line in lines:
        print(f"> {line}")
        result = desk_agent.run_sync(line, deps=desk, session=session)
        while result.status == "waiting":
            result = desk_agent.run_sync(decide(result.state), deps=desk, session=session)
        print(result.output)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        desk = create_orders(Path(sys.argv[1] if len(sys.argv) > 1 else Path(folder) / "orders.db"))
        converse(
            desk,
            [
                "Look up 8.",
                'Change the address to "9 Harbour Street", number 8.',
                'Change the address to "9 Harbour Street", number 7.',
                "Refund amount 49, number 7.",
                "Refund amount 240, number 8.",
            ],
        )
        print(f"order 8 goes to {desk.order(8)['address']}")
        print(f"refunded: {desk.order(7)['refunded']} for order 7, {desk.order(8)['refunded']} for order 8")
