"""A served agent over real HTTP: uvicorn in a thread, on loopback, at a free port."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette


@contextmanager
def running(app: Starlette) -> Iterator[str]:
    """The server's address, e.g. http://127.0.0.1:43210, for the length of the block."""
    config = uvicorn.Config(app, port=0, log_level="warning", server_header=False, proxy_headers=False)
    server = uvicorn.Server(config)
    started = threading.Event()
    startup = server.startup

    async def told(*args: object) -> None:
        await startup()
        started.set()

    server.startup = told  # type: ignore[method-assign]  # uvicorn has no callback for it
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        assert started.wait(20)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
    assert not thread.is_alive()
