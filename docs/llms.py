"""A hook of mkdocs: writes llms.txt (https://llmstxt.org) into the site, each page with its first sentence."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def on_post_build(config: Any) -> None:
    """After everything else is written."""
    head = f"# {config['site_name']}\n\n> {config['site_description']}\n"
    text = head + "\n".join(_lines(config["nav"], Path(config["docs_dir"]), "Documentation"))
    (Path(config["site_dir"]) / "llms.txt").write_text(text + "\n", encoding="utf-8")


def _lines(nav: list[dict[str, Any]], docs: Path, section: str) -> Iterator[str]:
    """The pages of one section, then its sections."""
    entries = [next(iter(entry.items())) for entry in nav]
    yield f"\n## {section}\n"
    for title, page in entries:
        if isinstance(page, str):
            about = _first_sentence((docs / page).read_text(encoding="utf-8"))
            address = page.removesuffix("index.md") if page.endswith("index.md") else page.removesuffix(".md") + "/"
            yield f"- [{title}]({address or './'})" + (f": {about}" if about else "")
    for title, pages in entries:
        if not isinstance(pages, str):
            yield from _lines(pages, docs, title)


def _first_sentence(page: str) -> str:
    """Of the first paragraph that is prose."""
    for block in page.split("\n\n")[1:]:
        text = " ".join(block.split())
        if text and text[0] not in "#`:|!-<":
            return re.split(r"(?<=[.!?:]) ", re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", text))[0].rstrip(":")
    return ""
