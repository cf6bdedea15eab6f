"""The page: its files, held in memory under fixed names, and the policy under which they run (S11, S12)."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

FOLDER = "/agentkit/web/"
NAMES = ("page.css", "app.js", "conversation.js", "markdown.js", "server.js", "view.js")
VENDORED = ("preact.mjs", "htm.mjs", "marked.mjs", "purify.mjs")
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types dompurify",
    ]
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-dns-prefetch-control": "off",  # a link that is only shown must not ask for its host's address
    "cache-control": "no-cache",
}
_KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".mjs": "text/javascript"}
_WEB = Path(__file__).parent / "web"


def files() -> dict[str, tuple[bytes, str]]:
    """What is served: path to (content, media type)."""
    inside = [*NAMES, *(f"vendor/{name}" for name in VENDORED)]
    named = {"/": "index.html", **{FOLDER + name: name for name in inside}}
    return {path: ((_WEB / name).read_bytes(), _KINDS[Path(name).suffix]) for path, name in named.items()}


def routes() -> list[Route]:
    """A route for each file: a path that is not among them does not exist."""
    return [Route(path, partial(_serve, *file)) for path, file in files().items()]


async def _serve(content: bytes, kind: str, request: Request) -> Response:
    return Response(content, media_type=kind, headers=HEADERS)
