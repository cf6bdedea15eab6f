"""A PostgreSQL server of its own, started once for all tests that want it."""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


def _binaries() -> Path | None:
    """Where initdb and pg_ctl are: on the path, or where Debian puts them."""
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "pg_ctl").exists()), None)


def _user() -> str | None:
    """Who runs the server: it refuses to be run by root."""
    if os.geteuid() != 0:
        return getpass.getuser()
    return next((entry.pw_name for entry in pwd.getpwall() if entry.pw_name == "postgres"), None)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The dsn of an empty database on loopback."""
    binaries, user = _binaries(), _user()
    if binaries is None or user is None:
        pytest.skip("PostgreSQL is not installed (initdb and pg_ctl); on Debian: apt-get install postgresql")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = int(listener.getsockname()[1])
    folder = Path(tempfile.mkdtemp(prefix="agentkit-postgres-"))
    root = os.geteuid() == 0
    if root:
        shutil.chown(folder, user)

    def run(*command: str) -> None:
        as_user = user if root else None
        with (folder / "output").open("a+") as output:  # not a pipe: the server would keep it open
            done = subprocess.run(
                command, stdout=output, stderr=output, user=as_user, cwd=folder, timeout=100, check=False
            )
            output.seek(0)
            assert done.returncode == 0, output.read()

    try:
        run(str(binaries / "initdb"), "-D", str(folder / "data"), "-U", "postgres", "-A", "trust", "-N")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c max_connections=60"
        run(
            str(binaries / "pg_ctl"),
            "-D",
            str(folder / "data"),
            "-l",
            str(folder / "log"),
            "-o",
            options,
            "-w",
            "start",
        )
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            run(str(binaries / "pg_ctl"), "-D", str(folder / "data"), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def dsn(postgres_server: str) -> str:
    """The same, its tables gone."""
    import psycopg

    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS agentkit_version, agentkit_journals, agentkit_entries")
    return postgres_server
