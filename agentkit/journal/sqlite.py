"""SQLiteStore: journals in one file, for any number of processes of one machine."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import anyio.to_thread

from agentkit.errors import StoreError

from .owner import Owner, forget, new_owner
from .session import Session
from .store import conflict, given_back, still_owned

T = TypeVar("T")
VERSION = 2  # of the tables; 1 had no times of entries
_TABLES = """
CREATE TABLE journals (
    name TEXT PRIMARY KEY, length INTEGER NOT NULL, changed TEXT NOT NULL,
    run TEXT, host TEXT, pid INTEGER, started TEXT
) WITHOUT ROWID;
CREATE TABLE entries (
    journal TEXT NOT NULL, position INTEGER NOT NULL, entry BLOB NOT NULL, at REAL, PRIMARY KEY (journal, position)
) WITHOUT ROWID;
CREATE INDEX journals_changed ON journals (changed);
"""


class SQLiteStore:
    """Journals in an SQLite file (3.35 or newer), made at first use. Work on it is done in a worker thread.

    busy_timeout: seconds to wait for another process's write. A commit survives a loss of power.
    `async with store:` or `close()` closes the file. Raises StoreError when it is locked, full, read-only or damaged.
    """

    def __init__(self, path: str | os.PathLike[str], *, busy_timeout: float = 10.0) -> None:
        self.path = Path(path)
        self._timeout = busy_timeout
        self._lock = threading.Lock()  # one connection, one thread at a time
        self._connection: sqlite3.Connection | None = None
        self._closer: weakref.finalize[..., SQLiteStore] | None = None

    def session(self, id: str) -> Session:
        """The conversation of this name; it begins when it is first run."""
        return Session(self, id)

    async def append(self, journal: str, position: int, entries: Sequence[bytes]) -> None:
        """Add entries at exactly this position. Raises SessionConflict if somebody was there first."""
        await self._do(lambda connection: _append(connection, journal, position, entries))

    async def load(self, journal: str, start: int = 0) -> list[bytes]:
        """The rows from `start` on."""
        query = "SELECT entry FROM entries WHERE journal = ? AND position >= ? ORDER BY position"
        return await self._do(lambda connection: [row[0] for row in connection.execute(query, (journal, start))])

    async def times(self, journal: str) -> list[float | None]:
        """When each row was written, in seconds since 1970; None for those of older versions."""
        query = "SELECT at FROM entries WHERE journal = ? ORDER BY position"
        return await self._do(lambda connection: [row[0] for row in connection.execute(query, (journal,))])

    async def journals(self) -> list[str]:
        """The names of all journals, the one changed last first."""
        query = "SELECT name FROM journals WHERE length > 0 ORDER BY changed DESC, name"
        return await self._do(lambda connection: [row[0] for row in connection.execute(query)])

    async def delete(self, journal: str) -> None:
        """Forget a journal."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM entries WHERE journal = ?", (journal,))
            connection.execute("DELETE FROM journals WHERE name = ?", (journal,))
            connection.execute("COMMIT")

        await self._do(work)

    @asynccontextmanager
    async def hold(self, journal: str, *, take_over: bool = False) -> AsyncGenerator[None]:
        """Be the journal's owner inside the block. Raises SessionConflict while a living run is."""
        owner = new_owner()
        try:
            await self._do(lambda connection: _own(connection, journal, owner, take_over))
            try:
                yield
            finally:
                with anyio.CancelScope(shield=True), given_back(journal):
                    await self._do(lambda connection: _disown(connection, journal, owner))
        finally:
            forget(owner)

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def locked() -> T:
            with self._lock:
                connection = self._open()
                try:
                    return work(connection)
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise

        try:
            return await anyio.to_thread.run_sync(locked)  # shields itself: a thread's outcome is waited for
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{self.path}: {type(error).__name__}: {error}") from error

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = self._connected()
            try:
                _prepare(connection, self.path, time.monotonic() + self._timeout)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
            self._closer = weakref.finalize(self, connection.close)
        return self._connection

    def _connected(self, kind: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
        return sqlite3.connect(
            self.path, timeout=self._timeout, isolation_level=None, check_same_thread=False, factory=kind
        )

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            closer, self._connection, self._closer = self._closer, None, None
            if closer is not None:
                closer()

    async def __aenter__(self) -> SQLiteStore:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self.close)

    def __repr__(self) -> str:
        return f"SQLiteStore({str(self.path)!r})"


def _prepare(connection: sqlite3.Connection, path: Path, deadline: float) -> None:
    """Write-ahead logging, a commit that survives a loss of power, and the tables."""
    _log_ahead(connection, deadline)
    connection.execute("PRAGMA synchronous = FULL")
    if _version(connection) == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")  # of several processes that begin at once, one makes the tables
    version = _version(connection)
    if version == 0:
        for statement in _TABLES.split(";\n"):
            connection.execute(statement)
    elif version == 1:
        connection.execute("ALTER TABLE entries ADD COLUMN at REAL")
    if version in (0, 1):
        connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
    if version not in (0, 1, VERSION):
        raise StoreError(f"{path} has version {version}; this agentkit reads version {VERSION}: use the newer agentkit")


def _log_ahead(connection: sqlite3.Connection, deadline: float) -> None:
    """Switch to write-ahead logging. SQLite does not wait while another process does so, so this waits."""
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _append(connection: sqlite3.Connection, journal: str, position: int, entries: Sequence[bytes]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    row = connection.execute("SELECT length FROM journals WHERE name = ?", (journal,)).fetchone()
    length = row[0] if row is not None else 0
    if length != position:
        raise conflict(journal, length, position)
    now = datetime.now(UTC)
    connection.execute(
        "INSERT INTO journals (name, length, changed) VALUES (?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET length = excluded.length, changed = excluded.changed",
        (journal, position + len(entries), now.isoformat()),
    )
    rows = [(journal, position + n, entry, now.timestamp()) for n, entry in enumerate(entries)]
    connection.executemany("INSERT INTO entries (journal, position, entry, at) VALUES (?, ?, ?, ?)", rows)
    connection.execute("COMMIT")


def _own(connection: sqlite3.Connection, journal: str, owner: Owner, take_over: bool) -> None:
    connection.execute("BEGIN IMMEDIATE")
    row = connection.execute("SELECT run, host, pid, started FROM journals WHERE name = ?", (journal,)).fetchone()
    if row is not None and row[0] is not None and not take_over:
        other = Owner(*row)
        if other.lives():
            raise still_owned(journal, str(other))
    connection.execute(
        "INSERT INTO journals (name, length, changed, run, host, pid, started) VALUES (?, 0, ?, ?, ?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET"
        " run = excluded.run, host = excluded.host, pid = excluded.pid, started = excluded.started",
        (journal, datetime.now(UTC).isoformat(), owner.run, owner.host, owner.pid, owner.started),
    )
    connection.execute("COMMIT")


def _disown(connection: sqlite3.Connection, journal: str, owner: Owner) -> None:
    connection.execute("UPDATE journals SET run = NULL WHERE name = ? AND run = ?", (journal, owner.run))
