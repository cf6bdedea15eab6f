"""The browser of the tests of the page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .chromium import chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser
