"""Testing: what holds of every run, a strict server, a clock. Ships with the package, for your tests too."""

from .clock import VirtualClock
from .failing import FailingStore
from .invariants import check_invariants
from .server import FakeServer, Fault
from .strict import strict_problem

__all__ = ["FailingStore", "FakeServer", "Fault", "VirtualClock", "check_invariants", "strict_problem"]
