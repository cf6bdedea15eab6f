"""Where journals are kept. Compare-and-append is the only lock."""

from __future__ import annotations

import logging
from collections.abc import Generator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Protocol, runtime_checkable

from agentkit.errors import SessionConflict, StoreError

log = logging.getLogger("agentkit")


class Store(Protocol):
    """Keeps journals as rows of bytes, one row an entry. Every method raises StoreError when it cannot."""

    async def append(self, journal: str, position: int, entries: Sequence[bytes]) -> None:
        """Add entries at exactly this position, all or none. Raises SessionConflict if somebody was there first."""
        ...

    async def load(self, journal: str, start: int = 0) -> list[bytes]:
        """The rows from `start` on; none for a journal that does not exist."""
        ...

    async def journals(self) -> list[str]:
        """The names of all journals, the one changed last first."""
        ...

    async def delete(self, journal: str) -> None:
        """Forget a journal; one that does not exist is forgotten already."""
        ...


@runtime_checkable
class Ownership(Protocol):
    """What a store may know besides: whether the run that writes to a journal still lives.

    It informs, and guards nothing: whoever acts has appended first, and whoever was overtaken cannot append.
    """

    def hold(self, journal: str, *, take_over: bool = False) -> AbstractAsyncContextManager[None]:
        """Be the journal's owner inside the block. Raises SessionConflict while another living one is.

        take_over: be the owner all the same, when the other is on a lost host.
        """
        ...


def conflict(journal: str, length: int, position: int) -> SessionConflict:
    """The error of an append that came too late."""
    return SessionConflict(
        f"session {journal!r} has {length} entries, not {position}: another run wrote to it; "
        "run again on the session, or use one session for each conversation"
    )


def still_owned(journal: str, owner: str) -> SessionConflict:
    """The error of a run that would act beside a living one."""
    return SessionConflict(
        f"session {journal!r} is in the hands of a run that lives ({owner}): wait for its end, or, if its machine is "
        "lost, run with take_over=True"
    )


@contextmanager
def given_back(journal: str) -> Generator[None]:
    """Around the end of an ownership: when it fails, what the run did is written all the same, so it is no error."""
    try:
        yield
    except StoreError as error:
        log.warning("session %r may look owned until this process ends: %s", journal, error)
