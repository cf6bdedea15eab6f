"""The page's files: which are served, under which policy, and that those of others are unchanged."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentkit import Agent, OfflineModel
from agentkit.serve import create_app, page
from tests.serve.running import running

WEB = Path(page.__file__).parent / "web"
VENDOR = WEB / "vendor"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with running(create_app(Agent(OfflineModel()), keys=["a-key"])) as url, httpx.Client(base_url=url) as client:
        yield client


def test_files_of_others_are_those_of_their_packages() -> None:
    rows = [line.split("  ") for line in (VENDOR / "SHA256SUMS").read_text().splitlines() if line[0] != "#"]
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VENDOR.iterdir()}
    del found["SHA256SUMS"]
    assert {name: digest for digest, name in rows} == found


def test_every_library_comes_with_its_licence() -> None:
    for library in VENDOR.glob("*.mjs"):
        assert re.search(r"MIT License|Apache License|MIT license", library.with_suffix(".LICENSE").read_text()), (
            library
        )


def test_no_file_asks_for_another_outside() -> None:
    for path in [*WEB.glob("*.js"), *VENDOR.glob("*.mjs")]:
        imported = re.findall(r"""(?:from|import)\s*["']([^"'\n]+)["']""", path.read_text(encoding="utf-8"))
        assert all(name.startswith("./") for name in imported), path.name


def test_our_code_and_style_and_document_are_small_together() -> None:
    ours = {path.name: path.read_text(encoding="utf-8").splitlines() for path in WEB.iterdir() if path.is_file()}
    assert ours.keys() == {"index.html", *page.NAMES}
    assert sum(map(len, ours.values())) <= 400
    assert max(len(line) for lines in ours.values() for line in lines) <= 120


def test_the_page_has_no_inline_code_or_style() -> None:
    text = (WEB / "index.html").read_text()
    assert re.findall(r"<style|style=|\son\w+=|javascript:", text) == []
    assert re.findall(r"<script[^>]*>(.*?)</script>", text) == [""]


def test_every_file_is_served_without_a_key_under_the_policy(client: httpx.Client) -> None:
    for path, (content, kind) in page.files().items():
        answer = client.get(path)
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
        assert {name: answer.headers[name] for name in page.HEADERS} == page.HEADERS
    directives = dict(part.split(" ", 1) for part in page.POLICY.split("; "))
    assert directives["default-src"] == directives["img-src"] == directives["frame-ancestors"] == "'none'"
    assert "unsafe" not in page.POLICY


@pytest.mark.parametrize(
    "path",
    ["page.py", "../page.py", "%2e%2e/page.py", "..%2fpage.py", "vendor/", "vendor/SHA256SUMS", "index.html", "app.js/", ".",
     "..%5cpage.py", "vendor/../app.js%00", "%2fetc%2fpasswd"],
)  # fmt: skip
def test_nothing_else_is_served(client: httpx.Client, path: str) -> None:
    answer: Any = client.get(httpx.URL(str(client.base_url), raw_path=f"/agentkit/web/{path}".encode()))
    assert answer.status_code in (307, 401, 404)
    assert b"import" not in answer.content
