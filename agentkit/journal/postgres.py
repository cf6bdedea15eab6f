"""PostgresStore: journals in a PostgreSQL database, for any number of machines."""

from __future__ import annotations

import sys
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread

from agentkit.errors import ConfigurationError, StoreError, missing_extra

from .session import Session
from .store import conflict, given_back, still_owned

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[object, ...]]

T = TypeVar("T")
VERSION = 1  # of the tables
CONNECTIONS = 8  # of one store at the same time, besides the one that holds its journals
_TABLES = """
CREATE TABLE agentkit_version (version integer NOT NULL);
CREATE TABLE agentkit_journals (
    name text PRIMARY KEY, length bigint NOT NULL, changed timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE agentkit_entries (
    journal text NOT NULL, position bigint NOT NULL, entry bytea NOT NULL, PRIMARY KEY (journal, position)
);
CREATE INDEX agentkit_journals_changed ON agentkit_journals (changed);
"""
_MAKING = 4_207_849_421  # the advisory lock under which the tables are made
_HELD = "hashtextextended('agentkit ' || %s, 0)"  # the advisory lock of a journal's owner


class PostgresStore:
    """Journals in PostgreSQL (the extra `postgres`); its tables are made at first use. Work is done in worker threads.

    dsn: as libpq takes it, e.g. "postgresql://user@host/database". A journal's owner lives as long as its connection.
    `async with store:` or `close()` closes the connections. Raises StoreError when the database cannot be used.
    """

    def __init__(self, dsn: str) -> None:
        self._connected: Callable[[bool], Connection] = lambda autocommit: _connected(dsn, autocommit)  # hides it
        self._slots = threading.BoundedSemaphore(CONNECTIONS)
        self._lock = threading.Lock()
        self._free: list[Connection] = []
        self._holding: Connection | None = None  # keeps the advisory locks of all journals that are held here
        self._held: set[str] = set()
        self._made = False

    def session(self, id: str) -> Session:
        """The conversation of this name; it begins when it is first run."""
        return Session(self, id)

    async def append(self, journal: str, position: int, entries: Sequence[bytes]) -> None:
        """Add entries at exactly this position. Raises SessionConflict if somebody was there first."""
        await self._do(lambda connection: _append(connection, journal, position, entries))

    async def load(self, journal: str, start: int = 0) -> list[bytes]:
        """The rows from `start` on."""
        query = "SELECT entry FROM agentkit_entries WHERE journal = %s AND position >= %s ORDER BY position"
        rows = await self._do(lambda connection: connection.execute(query, (journal, start)).fetchall())
        return [_bytes(row[0]) for row in rows]

    async def journals(self) -> list[str]:
        """The names of all journals, the one changed last first."""
        query = "SELECT name FROM agentkit_journals ORDER BY changed DESC, name"
        return await self._do(lambda connection: [str(row[0]) for row in connection.execute(query)])

    async def delete(self, journal: str) -> None:
        """Forget a journal."""

        def work(connection: Connection) -> None:
            connection.execute("DELETE FROM agentkit_journals WHERE name = %s", (journal,))
            connection.execute("DELETE FROM agentkit_entries WHERE journal = %s", (journal,))

        await self._do(work)

    @asynccontextmanager
    async def hold(self, journal: str, *, take_over: bool = False) -> AsyncGenerator[None]:
        """Be the journal's owner inside the block. Raises SessionConflict while a living run is."""
        mine = await anyio.to_thread.run_sync(self._guarded, lambda: self._own(journal, take_over))
        try:
            yield
        finally:
            if mine:
                with anyio.CancelScope(shield=True), given_back(journal):
                    await anyio.to_thread.run_sync(self._guarded, lambda: self._disown(journal))

    def _own(self, journal: str, take_over: bool) -> bool:
        with self._lock:
            if journal in self._held:  # the same connection would get the lock a second time
                if take_over:
                    return False
                raise still_owned(journal, "in this process")
            row = self._living().execute(f"SELECT pg_try_advisory_lock({_HELD})", (journal,)).fetchone()
            if row is None or not row[0]:
                if take_over:
                    return False
                raise still_owned(journal, "on another connection")
            self._held.add(journal)
            return True

    def _living(self) -> Connection:
        """The connection that holds locks; a new one when it broke, and its locks with it."""
        if self._holding is not None:
            try:
                self._holding.execute("SELECT")
            except _database_errors():
                self._holding.close()
                self._holding = None
        if self._holding is None:
            self._holding = self._connect(autocommit=True)
        return self._holding

    def _disown(self, journal: str) -> None:
        with self._lock:
            self._held.discard(journal)
            if self._holding is not None and not self._holding.closed:
                self._holding.execute(f"SELECT pg_advisory_unlock({_HELD})", (journal,))

    async def _do(self, work: Callable[[Connection], T]) -> T:
        def with_connection() -> T:
            with self._slots:
                with self._lock:
                    connection = self._free.pop() if self._free else None
                if connection is None:
                    connection = self._connect()
                try:
                    with connection.transaction():
                        result = work(connection)
                finally:
                    self._give_back(connection)
                return result

        return await anyio.to_thread.run_sync(self._guarded, with_connection)

    def _give_back(self, connection: Connection) -> None:
        """A connection that broke takes the idle ones with it: they are likely broken too."""
        with self._lock:
            if not connection.closed:
                self._free.append(connection)
                return
            idle, self._free = self._free, []
        for other in idle:
            other.close()

    def _guarded(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except _database_errors() as error:
            raise StoreError(f"PostgreSQL: {type(error).__name__}: {str(error).strip()}") from None

    def _connect(self, *, autocommit: bool = False) -> Connection:
        connection = self._connected(autocommit)
        try:
            if not self._made:
                _prepare(connection)
                self._made = True
        except BaseException:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        """Close the connections; the next use opens them again."""
        with self._lock:
            connections, self._free = self._free, []
            if self._holding is not None:
                connections.append(self._holding)
            self._holding, self._held = None, set()
        for connection in connections:
            connection.close()

    async def __aenter__(self) -> PostgresStore:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self.close)

    def __repr__(self) -> str:
        return "PostgresStore(...)"  # the dsn may hold a password


def _connected(dsn: str, autocommit: bool) -> Connection:
    try:
        import psycopg
    except ImportError:
        raise missing_extra("PostgresStore", "postgres") from None
    try:
        psycopg.conninfo.conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:  # whose text repeats pieces of what may be a password
        raise ConfigurationError("PostgresStore: the dsn is none; give 'postgresql://user@host/database'") from None
    return psycopg.connect(dsn, autocommit=autocommit)


def _database_errors() -> tuple[type[Exception], ...]:
    """What the driver raises; nothing before it was first used."""
    driver = sys.modules.get("psycopg")
    return () if driver is None else (driver.Error,)


def _prepare(connection: Connection) -> None:
    """The tables. Of several processes that begin at once, one makes them."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MAKING,))
        row = connection.execute("SELECT to_regclass('agentkit_version')").fetchone()
        if row is None or row[0] is None:
            connection.execute(_TABLES)
            connection.execute("INSERT INTO agentkit_version VALUES (%s)", (VERSION,))
        found = connection.execute("SELECT version FROM agentkit_version").fetchone()
    if found is None or found[0] != VERSION:
        version = found[0] if found is not None else "no"
        raise StoreError(f"the database has version {version}; this agentkit reads version {VERSION}")


def _append(connection: Connection, journal: str, position: int, entries: Sequence[bytes]) -> None:
    length = position + len(entries)
    if position == 0:
        written = connection.execute(
            "INSERT INTO agentkit_journals (name, length) VALUES (%s, %s) ON CONFLICT (name) DO NOTHING",
            (journal, length),
        )
    else:
        written = connection.execute(
            "UPDATE agentkit_journals SET length = %s, changed = clock_timestamp() WHERE name = %s AND length = %s",
            (length, journal, position),
        )
    if written.rowcount != 1:
        row = connection.execute("SELECT length FROM agentkit_journals WHERE name = %s", (journal,)).fetchone()
        raise conflict(journal, int(str(row[0])) if row is not None else 0, position)
    rows = [(journal, position + n, entry) for n, entry in enumerate(entries)]
    connection.cursor().executemany("INSERT INTO agentkit_entries (journal, position, entry) VALUES (%s, %s, %s)", rows)


def _bytes(value: object) -> bytes:
    assert isinstance(value, bytes)
    return value
