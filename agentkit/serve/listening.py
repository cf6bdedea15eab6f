"""The server that listens for an application until it is interrupted, and says where the page is."""

from __future__ import annotations

import socket
import sys

import uvicorn
from starlette.applications import Starlette

GRACE = 10  # seconds that answers have to end when the server is stopped


def listen(app: Starlette, host: str, port: int, token: str) -> None:
    """Serve the application; with a token, its page's address is told once it can be opened."""
    config = uvicorn.Config(
        app, host=host, port=port, server_header=False, proxy_headers=False, timeout_graceful_shutdown=GRACE
    )
    server = _Server(config)
    server.token = token
    try:
        server.run()
    except KeyboardInterrupt:
        return
    except SystemExit:
        if server.started:
            raise
    if not server.started:  # uvicorn has said why; its code, 3, means that a run waits
        sys.exit(1)


class _Server(uvicorn.Server):
    token = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self.token:
            host, port = self.config.host, self.servers[0].sockets[0].getsockname()[1]
            address = f"[{host}]" if ":" in host else host
            print(f"agentkit: the page is http://{address}:{port}/#token={self.token}", file=sys.stderr, flush=True)
