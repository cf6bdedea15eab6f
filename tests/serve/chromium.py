"""Debian's Chromium, driven by Playwright, cut off from every network but loopback."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

CHROMIUM = Path("/usr/bin/chromium")
ELSEWHERE = "elsewhere.test"  # a host of somebody else, whose address is this machine's
ARGUMENTS = [
    *[
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
    ],
    *["--disable-component-update", "--disable-sync"],
    f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
IMAGES = os.environ.get("SCREENSHOTS")  # a folder: docs/images


@contextmanager
def chromium() -> Iterator[Any]:
    """The browser; the test is skipped where it is not installed."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed: pip install playwright"
    )
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


class Tab:
    """One tab of its own profile at a served page; it notes every request and every complaint of the browser."""

    def __init__(self, browser: Any, url: str, **options: Any) -> None:
        self.url = url
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.context.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda said: said.type == "error" and self.complaints.append(said.text))

    def open(self, fragment: str = "") -> Any:
        self.page.goto(f"{self.url}/{fragment}")
        self.page.wait_for_selector(".hollow h2, .items")
        return self.page

    def say(self, text: str) -> None:
        self.page.fill("#input", text)
        self.page.press("#input", "Enter")

    def ended(self, status: str = "done") -> None:
        """Wait until the run is over and what is kept of it is shown."""
        self.page.wait_for_selector(f".panel .chip.{status}", state="attached")
        self.page.wait_for_selector("text=Send")

    def picture(self, name: str) -> None:
        if IMAGES:
            self.page.mouse.move(0, 0)
            self.page.wait_for_timeout(300)
            self.page.screenshot(path=str(Path(IMAGES) / f"{name}.png"))

    def close(self) -> None:
        """The end, at which nothing went out and nothing went wrong."""
        self.context.close()
        assert self.complaints == []
        outside = [url for url in self.requests if not url.startswith((f"{self.url}/", "blob:"))]
        assert outside == []


class Elsewhere:
    """A site of somebody else: it serves one document, and counts who comes."""

    def __init__(self, document: str = "") -> None:
        self.visits: list[str] = []
        visits = self.visits

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                visits.append(self.path)
                self.send_response(200)
                self.send_header("content-type", "text/html")
                self.end_headers()
                self.wfile.write(document.encode())

            def log_message(self, *args: object) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://{ELSEWHERE}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def elsewhere_of(url: str) -> str:
    """The same server under a name that somebody else's DNS gives it."""
    return f"http://{ELSEWHERE}:{urlsplit(url).port}"


Open = Callable[..., Tab]
