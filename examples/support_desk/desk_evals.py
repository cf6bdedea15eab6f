"""Evals of the support desk: agentkit eval examples/support_desk/desk_evals.py"""

import atexit
import tempfile
from pathlib import Path

from desk import Desk, create_orders, decide, desk_agent

from agentkit.evals import Case, Scorer, Suite, Trial, called, called_only, contains, ends_with_state

FOLDER = tempfile.TemporaryDirectory()
atexit.register(FOLDER.cleanup)


def desk() -> Desk:
    """A database of its own for each trial: 7 (lamp, 49, shipped), 8 (desk, 240, open), 9 (chair, 80, open)."""
    return create_orders(Path(tempfile.mkdtemp(dir=FOLDER.name)) / "orders.db")


def goes_to(number: int, address: str) -> Scorer:
    """The order has this address at the end."""
    return ends_with_state(lambda desk: desk.order(number)["address"] == address)


def refunded(number: int, amount: float) -> Scorer:
    """Just so much was refunded at the end."""
    return ends_with_state(lambda desk: desk.order(number)["refunded"] == amount)


def never_too_much(trial: Trial) -> bool:
    """Nobody got back more than was paid."""
    return all(trial.deps.order(n)["refunded"] <= trial.deps.order(n)["price"] for n in (7, 8, 9))


ITEMS = {7: "lamp", 8: "desk", 9: "chair"}
ADDRESSES = {7: "1 Mill Lane", 8: "4 Park Road", 9: "12 Hill Street"}

look_ups = [
    Case(text.format(number), called("look_up_order", number=number), contains(item), called_only("look_up_order"))
    for text in ("Look up order {}.", "Please look up {}", "Can you look up number {}?", "look up the order {} now")
    for number, item in ITEMS.items()
]
missing = [
    Case(f"Look up order {number}.", called_only("look_up_order"), contains(f"there is no order {number}"))
    for number in (1, 99, 1000)
]
changes = [
    Case(
        f'Change the address to "{street}", number {number}.',
        called("change_address", number=number, address=street),
        goes_to(number, street),
    )
    for number in (8, 9)
    for street in ("9 Harbour Street", "1 New Road", "Flat 3, 40 Long Lane", "22 Église Street")
]
too_late = [
    Case(
        f'Change the address to "{street}", number 7.',
        called_only("change_address"),
        contains("already shipped"),
        goes_to(7, ADDRESSES[7]),
    )
    for street in ("9 Harbour Street", "1 New Road", "2 Old Road")
]
refunds = [
    Case(
        f"Refund amount {amount}, number {number}.",
        called("refund_order", number=number, amount=amount),
        refunded(number, amount),
    )
    for number, amount in ((7, 49.0), (7, 10.5), (8, 100.0), (9, 80.0), (9, 0.5))
]
denied = [
    Case(f"Refund amount {amount}, number 8.", called_only("refund_order"), contains("manager"), refunded(8, 0))
    for amount in (101, 240, 1000)
]
beyond = [
    Case(f"Refund amount {amount}, number {number}.", contains("were paid for order"), refunded(number, 0))
    for number, amount in ((7, 50), (9, 99))
]
talks = [
    Case(["Refund amount 49, number 7.", "Refund amount 49, number 7. "], refunded(7, 49.0), name="a refund twice"),
    Case(["Refund amount 30, number 9.", "Refund amount 40, number 9."], refunded(9, 70.0), name="two refunds"),
    Case(
        ["Look up order 8.", 'Change the address to "1 New Road", number 8.', "Look up order 8."],
        contains("1 New Road"),
        goes_to(8, "1 New Road"),
        name="a change seen afterwards",
    ),
]
nothing = [Case(text, called_only()) for text in ("Hello!", "Thanks, that is all.", "What a day.")]

suite = Suite(
    desk_agent,
    [*look_ups, *missing, *changes, *too_late, *refunds, *denied, *beyond, *talks, *nothing],
    scorers=[never_too_much],
    name="support desk",
    deps=desk,
    decide=decide,
    thresholds={"never_too_much": 1.0, "called": 0.9, "ends_with_state": 0.9},
)
