"""Tools that need something of yours: a typed context, and tools that only some users are offered."""

from dataclasses import dataclass, field

from agentkit import Agent, Context, model_from_environment, tool


@dataclass
class Shop:
    """What the tools work with, and who is asking."""

    user: str
    role: str = "customer"
    stock: dict[str, int] = field(default_factory=lambda: {"lamp": 4, "chair": 0, "desk": 11})


@tool(effect="read")
def count_stock(ctx: Context[Shop], item: str) -> str:
    """How many pieces of an item are in stock.

    Args:
        item: Name of the item, e.g. lamp
    """
    return f"{ctx.deps.stock.get(item.lower(), 0)} pieces of {item} in stock"


def is_manager(ctx: Context[Shop]) -> bool:
    return ctx.deps.role == "manager"


@tool(when=is_manager)
def order_supply(ctx: Context[Shop], item: str, quantity: int) -> str:
    """Order supply of an item from the manufacturer.

    Args:
        item: Name of the item, e.g. lamp
        quantity: How many pieces
    """
    ctx.deps.stock[item] = ctx.deps.stock.get(item, 0) + quantity
    return f"ordered {quantity} x {item} for {ctx.deps.user}"


def instructions(ctx: Context[Shop]) -> str:
    return f"You help {ctx.deps.user}, a {ctx.deps.role}, with the stock of a furniture shop."


agent = Agent(model_from_environment(), deps=Shop, tools=[count_stock, order_supply], instructions=instructions)

if __name__ == "__main__":
    ann = Shop(user="Ann")
    print(agent.run_sync('How many pieces of the item "lamp" are in stock?', deps=ann).output)

    bob = Shop(user="Bob", role="manager")
    print(agent.run_sync('Order supply of the item "chair", quantity 6.', deps=bob).output)
    print(f"chairs now: {bob.stock['chair']}")

    # A decorated function stays a function: a unit test calls it with a context of its own.
    print(count_stock(Context(deps=Shop(user="test", stock={"desk": 2})), "desk"))
