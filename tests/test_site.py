"""The built site: complete, searchable, and whole without any other host."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PUBLIC = ["agentkit", "agentkit.middleware", "agentkit.evals", "agentkit.testing", "agentkit.serve"]
NAV = re.findall(r"^ +- .+: ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.M)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    built = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def pages(site: Path) -> dict[str, str]:
    return {page.relative_to(site).as_posix(): page.read_text(encoding="utf-8") for page in site.rglob("*.html")}


def test_every_page_of_the_documentation_is_in_the_navigation() -> None:
    written = [page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")]
    assert sorted(NAV) == sorted(written)


def test_every_public_name_stands_in_a_reference_page(site: Path) -> None:
    """The inventory holds what the reference shows: names where they are defined, and where they are public."""
    packed = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    shown = {line.split(" ")[0].rsplit(".", 1)[-1] for line in zlib.decompress(packed).decode().splitlines()}
    names = [f"{place}.{name}" for place in PUBLIC for name in importlib.import_module(place).__all__]
    assert [name for name in names if name.rsplit(".", 1)[-1] not in shown] == []
    assert len(names) > 90


def test_the_site_loads_nothing_from_another_host(site: Path) -> None:
    loads = re.compile(
        r"<(?:script|link|img|iframe|source|audio|video)\b[^>]*?\b(?:src|href)=[\"']?((?:https?:)?//[^\"' >]+)"
    )
    found = {name: loads.findall(text) for name, text in pages(site).items()}
    assert {name: hosts for name, hosts in found.items() if hosts} == {}
    imports = re.compile(r"@import[^;]*//|url\([\"']?(?:https?:)?//")
    assert [sheet.name for sheet in site.rglob("*.css") if imports.search(sheet.read_text(encoding="utf-8"))] == []
    assert len(found) > len(NAV)


def test_the_search_needs_no_server_and_finds_every_page(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    found = {document["location"].split("#")[0] for document in index["docs"]}
    assert {
        page.removesuffix("index.md").removesuffix(".md") + ("" if page == "index.md" else "/") for page in NAV
    } <= found
    assert any("SessionConflict" in document["text"] for document in index["docs"])
    assert [*site.glob("assets/javascripts/workers/search.*.js")] != []


def test_llms_txt_names_every_page_with_an_address_that_is_there(site: Path) -> None:
    text = (site / "llms.txt").read_text(encoding="utf-8")
    assert text.startswith("# agentkit\n\n> ")
    entries = re.findall(r"^- \[[^]]+\]\(([^)]+)\)(: .+)?$", text, re.M)
    assert len(entries) == len(NAV) == len({address for address, _ in entries})
    assert [address for address, _ in entries if not (site / address / "index.html").is_file()] == []
    assert [line for line in text.splitlines() if line and not line.startswith(("# ", "> ", "## ", "- ["))] == []
