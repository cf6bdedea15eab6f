"""A call that needs a human: the run stops, is stored as plain JSON, and goes on later, in any process."""

from agentkit import Agent, RunState, model_from_environment, tool

PAID: list[str] = []


def is_large(ctx: object, account: str, amount: float) -> bool:
    """Small amounts go through; asked after the arguments are valid."""
    return amount >= 100


@tool(approval=is_large, effect="write")
def transfer_money(account: str, amount: float) -> str:
    """Transfer money to an account.

    Args:
        account: Name of the account, e.g. rent
        amount: How much, in euros
    """
    PAID.append(f"{amount:.2f} to {account}")
    return f"transferred {amount:.2f} euros to {account}"


agent = Agent(model_from_environment(), tools=[transfer_money])


def ask() -> str:
    """The first process: runs until somebody has to decide, and returns what it stores."""
    result = agent.run_sync('Transfer money to the account "rent", amount 850.')
    assert result.status == "waiting"
    assert PAID == []
    return result.state.model_dump_json()


def decide(saved: str, *, approved: bool) -> str:
    """The second process: knows nothing but the JSON."""
    state = RunState.model_validate_json(saved)
    for call in state.waiting:
        print(f"{call.tool}({call.arguments}) waits for {call.why}")
        state = state.approve(call) if approved else state.deny(call, "the owner said no")
    return agent.run_sync(state).output


if __name__ == "__main__":
    saved = ask()
    print(f"stored {len(saved)} characters of JSON")
    print("denied:  ", decide(saved, approved=False))
    print("paid:    ", PAID)
    print("approved:", decide(saved, approved=True))
    print("paid:    ", PAID)
