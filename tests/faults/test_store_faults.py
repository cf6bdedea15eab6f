"""Every use of the store fails in turn: nothing happens after it, and with the store healed the run ends (F5)."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import anyio
import pytest

from agentkit import (
    Agent,
    Context,
    MemoryStore,
    RunResult,
    RunState,
    ScriptedModel,
    Session,
    SessionConflict,
    SQLiteStore,
    StoreError,
)
from agentkit.journal import Started
from agentkit.testing import FailingStore, check_invariants

from .golden import SCRIPT, Effects, check_ended, to_the_end, tools

Backend = Literal["asyncio", "trio"]
Way = Literal["session", "state"]
Given = str | RunState | None


class Failing(SQLiteStore):
    """SQLite for real, whose use number `at` (from 1) and all after it fail until it is healed."""

    def __init__(self, path: Path, fault: str, at: int) -> None:
        super().__init__(path, busy_timeout=0)
        self.at, self.uses, self.failed = at, 0, 0
        self._break: Callable[[], Callable[[], None]] = getattr(self, f"_{fault}")
        self._mend: Callable[[], None] | None = None
        self._read_only = False

    async def _do(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        self.uses += 1
        if self.uses == self.at:
            self._mend = self._break()
        try:
            return await super()._do(work)
        except StoreError:
            self.failed += 1
            raise

    def heal(self) -> None:
        if self._mend is not None:
            self._mend()
            self._mend = None

    def _open(self) -> sqlite3.Connection:
        if self._read_only and self._connection is None:
            uri = f"file:{self.path}?mode=ro"
            self._connection = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)
        return super()._open()

    def _locked(self) -> Callable[[], None]:
        """Another process writes, and does not end."""
        other = sqlite3.connect(self.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        return other.close

    def _full(self) -> Callable[[], None]:
        """SQLite may take no further page; what fits into the last one is still written."""
        connection = self._open()
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return self.close

    def _readonly(self) -> Callable[[], None]:
        """The file is opened for reading alone."""
        self.close()
        self._read_only = True

        def mend() -> None:
            self._read_only = False
            if self._connection is not None:
                self._connection.close()
                self._connection = None

        return mend

    def _io(self) -> Callable[[], None]:
        """Every write to a file fails: the system lets this process write no byte."""
        self._open()
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    def _damaged(self) -> Callable[[], None]:
        """The first bytes of the file are others."""
        self.close()
        whole = self.path.read_bytes()
        self.path.write_bytes(b"no database" * 10 + whole[110:])

        def mend() -> None:
            self.close()
            self.path.write_bytes(whole)

        return mend


def empty_file(folder: Path) -> Path:
    """A database whose pages are small, so that it takes a new one with nearly every commit."""
    path = folder / "s.db"
    for old in folder.iterdir():
        old.unlink()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA page_size = 512")
    connection.execute("VACUUM")
    connection.close()
    return path


class LateEffects(Effects):
    """Effects, and which calls had theirs after the store failed."""

    def __init__(self, failed: Callable[[], object]) -> None:
        super().__init__()
        self.failed = failed
        self.late: set[str] = set()

    def add(self, name: str, ctx: Context[Any]) -> None:
        if self.failed() and name != "look":  # a read has no effect
            self.late.add(ctx.call_id)
        super().add(name, ctx)


class Golden:
    """The golden run, streamed or not."""

    def __init__(self, failed: Callable[[], object], streamed: bool) -> None:
        self.effects = LateEffects(failed)
        self.agent: Agent[None, str] = Agent(ScriptedModel(SCRIPT), tools=tools(self.effects))
        self.streamed = streamed

    async def run(self, given: Given, session: Session) -> RunResult[str]:
        if not self.streamed:
            return await self.agent.run(given, session=session)
        async with self.agent.stream(given, session=session) as run:
            events = [event async for event in run]
        check_invariants(run.result, events=events)
        return run.result

    async def until_it_fails(self, session: Session) -> StoreError | None:
        try:
            await to_the_end(self.run, session)
        except StoreError as error:
            return error
        return None

    async def goes_on(self, error: StoreError, session: Session, way: Way, known: int | None = None) -> None:
        """With the store healed: from the session, or from the state that the error carries.

        Only calls that the store knew to be started (in its first `known` entries) had an effect after it failed.
        """
        entries = (await session.entries())[:known]
        assert self.effects.late <= {entry.call for entry in entries if isinstance(entry, Started)}
        self.effects.failed = lambda: False
        if way == "state" and error.state is not None:
            state = RunState.of(error)
            check_invariants(error)
            await self.run(state, session)
        check_ended(await to_the_end(self.run, session), self.effects)


async def case(fault: str, at: int, folder: Path, streamed: bool, way: Way) -> tuple[int, str]:
    """One case over SQLite: how often the store was used, and what it said."""
    store = Failing(empty_file(folder), fault, at)
    golden = Golden(lambda: store.failed, streamed)
    try:
        error = await golden.until_it_fails(store.session("s"))
    finally:
        store.heal()
        store.close()
    async with SQLiteStore(folder / "s.db") as healed:
        if error is None:
            check_ended(await healed.session("s").load(), golden.effects)
        else:
            await golden.goes_on(error, healed.session("s"), way)
    return store.uses, str(error or "")


SAID = {
    "locked": "database is locked",
    "full": "database or disk is full",
    "readonly": "attempt to write a readonly database",
    "io": "disk I/O error",
    "damaged": "file is not a database",
}


def check_said(fault: str, said: list[str]) -> None:
    """The store told the fault, wherever it met it."""
    told = [error for error in said if error]
    assert all(SAID[fault] in error or "no such table" in error for error in told), told
    assert len(told) > 0.7 * len(said)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("fault", SAID)
def test_with_any_use_of_the_database_failing_nothing_happens_after_it_and_the_run_can_go_on(
    fault: str, backend: Backend, tmp_path: Path, cases: Callable[[int], None]
) -> None:
    uses, _ = anyio.run(case, fault, 0, tmp_path, False, "session", backend=backend)
    assert uses >= 20
    said = list[str]()
    for at in range(1, uses + 1):
        for streamed, way in ((False, "session"), (True, "state")):
            said.append(anyio.run(case, fault, at, tmp_path, streamed, way, backend=backend)[1])
    check_said(fault, said)
    cases(len(said))


@pytest.mark.parametrize("fault", SAID)
def test_a_few_uses_of_the_database_failing(fault: str, tmp_path: Path, cases: Callable[[int], None]) -> None:
    ways: list[tuple[int, Way]] = [(7, "session"), (13, "state"), (14, "session")]
    check_said(fault, [anyio.run(case, fault, at, tmp_path, True, way)[1] for at, way in ways])
    cases(len(ways))


class Positioned(MemoryStore):
    """Knows where its last append went."""

    async def append(self, journal: str, position: int, entries: Sequence[bytes]) -> None:
        self.last = position
        await super().append(journal, position, entries)


async def in_memory(at: int, written: bool, streamed: bool, way: Way) -> int:
    """One case over a store in memory: how many appends there were."""
    memory = Positioned()
    store = FailingStore(memory, at, written=written)
    golden = Golden(lambda: 0 < store.at <= store.appends, streamed)
    error = await golden.until_it_fails(store.session("s"))
    if error is not None:
        if written and way == "state":  # what the error carries does not know that it was written
            with pytest.raises(SessionConflict):
                await golden.run(RunState.of(error), memory.session("s"))
            way = "session"
        await golden.goes_on(error, memory.session("s"), way, memory.last if written else None)
    return store.appends


@pytest.mark.parametrize("backend", ["asyncio", pytest.param("trio", marks=pytest.mark.slow)])
@pytest.mark.parametrize("written", [False, True], ids=["nothing-written", "written-and-not-told"])
def test_with_any_append_failing_nothing_happens_after_it_and_the_run_can_go_on(
    written: bool, backend: Backend, cases: Callable[[int], None]
) -> None:
    appends = anyio.run(in_memory, 0, False, False, "session", backend=backend)
    assert appends >= 12
    for at in range(1, appends + 1):
        for streamed in (False, True):
            for way in ("session", "state"):
                anyio.run(in_memory, at, written, streamed, way, backend=backend)
    cases(appends * 4)


@pytest.mark.anyio
async def test_a_run_that_is_over_and_saved_is_not_failed_by_the_giving_back_of_its_journal(tmp_path: Path) -> None:
    store = Failing(empty_file(tmp_path), "locked", 0)
    agent = Agent(ScriptedModel(["done"]))
    try:
        await agent.run("go", session=store.session("counted"))
        store.at = 2 * store.uses  # the last use of the next run
        result = await agent.run("go", session=store.session("s"))
        assert store.failed == 1
        assert result.output == "done"
    finally:
        store.heal()
        store.close()
    async with SQLiteStore(tmp_path / "s.db") as healed:  # the owner is known to be gone all the same
        assert (await agent.run(None, session=healed.session("s"))).output == "done"
