"""Which tools a text asks for, judged by its words: the offline model's rules."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence

from agentkit.chat import FunctionDefinition, Json

from .filling import filled, names_in, open_text, quoted

_WORD = re.compile(r"[a-z]+")
_COMMON = frozenset(
    re.findall(
        r"[a-z]+",
        "a an and are at be by can did do does for from get has have how i in is it me my not of on or please that the "
        "this to tool use was were what when where which who will with you your",
    )
)


def calls_for(
    text: str, tools: Sequence[FunctionDefinition], *, done: Collection[str] = (), forced: bool = False
) -> list[tuple[str, str]]:
    """(tool, arguments) for each call that the text asks for; with `forced` at least one.

    done: tools that were called for it. Their words are answered: who says "look up the order" asks for no refund of
    it; a hand-over answers nothing.
    """
    answered = [name.replace("_", " ") for name in done if not name.startswith("transfer_to_")]
    words = _words(text).difference(*map(_words, answered))
    tools = [tool for tool in tools if tool.name not in done]
    scores = [_score(tool, words, text) for tool in tools]
    best = max(scores, default=0)
    if not tools or (best == 0 and not forced):
        return []
    tool = tools[scores.index(best)]
    schema = tool.parameters or {"type": "object", "properties": {}}
    subjects: list[str | None] = [*_subjects(schema, text)] or [None]
    return [(tool.name, json.dumps(filled(schema, text, subject))) for subject in subjects]


def _words(text: str) -> set[str]:
    found = set(_WORD.findall(text.lower())) - _COMMON
    return found | {word[:-1] for word in found if len(word) > 3 and word.endswith("s")}


def _score(tool: FunctionDefinition, words: set[str], text: str) -> int:
    name = _words(tool.name.replace("_", " "))
    about = _words(tool.description or "")
    enums = {str(v).lower() for p in (tool.parameters or {}).get("properties", {}).values() for v in p.get("enum", ())}
    hits = 3 * len(name & words) + len((about - name) & words)
    if hits == 0 and re.search(r"warm|cold|rain|sunny|degrees|forecast", text.lower()) and "weather" in name | about:
        hits = 1
    return hits + (1 if hits and enums & words else 0)


def _subjects(schema: Json, text: str) -> list[str]:
    """Names that the one required text parameter can take in turn: "Boston and Paris" gives two calls."""
    properties = schema.get("properties", {})
    texts = [name for name in schema.get("required", ()) if open_text(properties.get(name, {}), schema)]
    choices = {str(choice).lower() for sub in properties.values() for choice in sub.get("enum", ())}
    names = [name for name in quoted(text) or names_in(text) if name.lower() not in choices]
    return names if len(texts) == 1 and len(names) > 1 else []
