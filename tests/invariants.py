"""What holds of every run: the project's own tests use what it ships."""

from agentkit.testing import check_invariants

__all__ = ["check_invariants"]
