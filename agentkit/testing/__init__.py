"""Testing: what holds of every run, and a strict server to run against. Ships with the package, for your tests too."""

from .invariants import check_invariants
from .server import FakeServer
from .strict import strict_problem

__all__ = ["FakeServer", "check_invariants", "strict_problem"]
