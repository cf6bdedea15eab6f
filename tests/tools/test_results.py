"""Rendering a result cannot fail, whatever a tool gives back."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from agentkit import ToolResult
from agentkit.tools import render_result


class Colour(Enum):
    """A colour."""

    red = "r"


class Model(BaseModel):
    """A pydantic model."""

    when: date
    price: Decimal


@dataclass
class Point:
    """A dataclass."""

    x: float
    inner: Any = None


class Broken:
    """An object that nothing can be done with."""

    def __repr__(self) -> str:
        raise RuntimeError("no")

    __str__ = __repr__


circular: list[Any] = []
circular.append(circular)

RENDERED: list[tuple[object, str]] = [
    ("text stays as it is\n", "text stays as it is\n"),
    ("", ""),
    (None, "null"),
    (True, "true"),
    (7, "7"),
    (math.nan, "null"),
    ({"a": [1, math.inf]}, '{"a":[1,null]}'),
    (Model(when=date(2026, 1, 2), price=Decimal("1.5")), '{"when":"2026-01-02","price":"1.5"}'),
    (Point(1.5, Model(when=date(2026, 1, 2), price=Decimal(2))), '{"x":1.5,"inner":{"when":"2026-01-02","price":"2"}}'),
    (Colour.red, '"r"'),
    ({1: "a", Colour.red: "b"}, '{"1":"a","r":"b"}'),
    (b"bytes", '"bytes"'),
    (b"\xff", "b'\\xff'"),
    ({"b": b"\xff"}, "{'b': b'\\xff'}"),
    (object, "<class 'object'>"),
    ({"kind": Point}, None),
    (Broken(), "<Broken>"),
    ([Broken()], '["<Broken>"]'),
    (circular, "[[...]]"),
    ("\ud800 lone", "? lone"),
    ({"a": "\ud800"}, "{'a': '\\ud800'}"),
    ((n for n in range(3)), "[0,1,2]"),
    (ToolResult("text", data=object(), images=["\ud800"]), "text"),
    (ToolResult(ToolResult({"a": 1})), '{"a":1}'),
]  # fmt: skip


@pytest.mark.parametrize(("value", "text"), RENDERED, ids=[str(n) for n in range(len(RENDERED))])
def test_any_result_becomes_text_that_can_be_sent(value: object, text: str | None) -> None:
    rendered = render_result(value)
    if text is not None:
        assert rendered.content == text
    json.dumps(rendered.content).encode()
    "".join(rendered.images).encode()
    json.dumps(rendered.data)


@given(st.text(max_size=400), st.integers(2, 50))
def test_a_long_result_keeps_its_beginning_and_its_end(text: str, limit: int) -> None:
    rendered = render_result(text, limit)
    sendable = text.encode(errors="replace").decode()
    if len(sendable) <= limit:
        assert (rendered.content, rendered.whole) == (sendable, None)
        return
    assert rendered.whole == sendable
    head, tail = limit // 2, limit - limit // 2
    assert rendered.content.startswith(sendable[:head])
    assert rendered.content.endswith(sendable[len(sendable) - tail :])
    assert f"{len(sendable) - limit} of {len(sendable)} characters left out" in rendered.content


def test_a_value_that_cannot_be_data_is_kept_as_its_text() -> None:
    assert render_result(ToolResult("x", data={"a": Point(1.0)})).data == {"a": {"x": 1.0, "inner": None}}
    assert render_result(ToolResult("x", data=circular)).data == "[[...]]"
    assert render_result(ToolResult("x", data=Broken())).data == "<Broken>"
