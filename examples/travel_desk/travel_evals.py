"""Evals of the travel desk: agentkit eval examples/travel_desk/travel_evals.py"""

from travel import FLIGHTS, HOTELS, Trip, agree, front

from agentkit.evals import Case, Scorer, Suite, Trial, called, called_in_order, contains, ends_with_state


def within_budget(trial: Trial) -> bool:
    """No more was spent than there is."""
    return bool(trial.deps.spent <= trial.deps.budget)


def spends(euros: int) -> Scorer:
    """Just so much was spent at the end."""
    return ends_with_state(lambda trip: trip.spent == euros)


cities = ("Lisbon", "Oslo", "Rome", "Vienna")
finds = [
    Case(
        f"Which flights are there to {city}?",
        called_in_order("transfer_to_flights", "find_flights"),
        contains(*(flight.number for flight in FLIGHTS if flight.to == city)),
    )
    for city in cities
] + [
    Case(
        f"Which hotels are there in {city}?",
        called_in_order("transfer_to_hotels", "find_hotels"),
        contains(*(hotel.name for hotel in HOTELS if hotel.city == city)),
    )
    for city in cities
]
bookings = [
    Case(
        [f"Which flights are there to {flight.to}?", f"Book flight {flight.number} on 2027-05-01."],
        called("book_flight", number=flight.number, day="2027-05-01"),
        spends(flight.euros),
        name=f"book {flight.number}",
    )
    for flight in FLIGHTS
] + [
    Case(
        ["Which hotels are there in Lisbon?", f"Book a room: hotel Tejo Palace, nights {nights}."],
        spends(210 * nights if 210 * nights <= 1000 else 0),
        name=f"{nights} nights at Tejo Palace",
    )
    for nights in (1, 4, 5, 40)
]
whole = Case(
    [
        "Which flights are there to Lisbon?",
        "Book flight AK102 on 2027-05-01.",
        "And which hotels?  Lisbon again.",
        "Book a room: hotel Casa Azul, nights 3.",
    ],
    called_in_order("find_flights", "book_flight", "transfer_to_hotels", "find_hotels", "book_room"),
    ends_with_state(lambda trip: trip.spent == 390),
    name="a whole trip",
)

suite = Suite(
    front,
    [*finds, *bookings, whole],
    scorers=[within_budget],
    name="travel desk",
    deps=Trip,
    decide=agree,
    thresholds={"within_budget": 1.0},
)
