"""A desk of three agents: triage hands over to billing, which asks a clerk; every agent is heard as it works.

    python examples/06_many_agents.py [picture.svg]

With a path the agents are drawn into that file.
"""

import sys
from pathlib import Path

from agentkit import (
    Agent,
    AgentChanged,
    AgentEvent,
    Handoff,
    Limits,
    TextDelta,
    ToolFinished,
    model_from_environment,
    tool,
)

CHARGES = {7: "49.00 on 3 May, 49.00 on 4 May", 8: "12.50 on 9 May"}


@tool(effect="read")
def list_charges(order: int) -> str:
    """List the charges of an order.

    Args:
        order: Number of the order
    """
    return CHARGES.get(order, "no charges")


@tool(effect="read")
def track_parcel(order: int) -> str:
    """Track where the parcel of an order is.

    Args:
        order: Number of the order
    """
    return f"order {order} is in the van"


model = model_from_environment()
clerk = Agent(model, name="clerk", instructions="Look charges up. Say only what you found.", tools=[list_charges])
billing = Agent(
    model,
    name="billing",
    instructions="You answer questions about money. Ask the clerk for the charges of an order.",
    tools=[clerk.as_tool("ask_clerk", "Ask the clerk to list the charges of an order.")],
)
triage = Agent(
    model,
    name="triage",
    instructions="Answer questions about parcels. Hand everything about money over to billing.",
    tools=[track_parcel],
    handoffs=[Handoff(billing, history="none", description="Hand over to billing: money, invoices, charged twice.")],
    limits=Limits(turns=10, handoffs=3),
)


def ask(question: str) -> None:
    """Ask, and print who does what."""
    print(f"> {question}")
    with triage.stream_sync(question, nested=True) as run:
        for event in run:
            match event:
                case AgentChanged(agent):
                    print(f"  [now {agent} speaks]")
                case AgentEvent(agent=agent, inner=ToolFinished(call, result)):
                    print(f"  {agent}: {call.name}{call.arguments} gave {result.content}")
                case ToolFinished(call, result):
                    print(f"  {call.name}{call.arguments} gave {result.content}")
                case TextDelta(text):
                    print(text, end="")
                case _:
                    pass
    print()
    for name, usage in run.result.usage_by_agent.items():
        print(f"  {name}: {usage.requests} requests")


if __name__ == "__main__":
    ask("Where is the parcel of order 8?")
    ask('I was charged twice. Ask the clerk: "List the charges of order 7."')
    print(triage.graph().mermaid)
    for path in sys.argv[1:2]:
        Path(path).write_text(triage.graph().svg(), encoding="utf-8")
