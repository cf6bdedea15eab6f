"""A sequence that only grows, shared by all states of one run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Trail(Generic[T]):
    """A tuple that grows in O(1): values share one list; a second continuation of one prefix copies it."""

    __slots__ = ("_items", "_length")

    def __init__(self, items: list[T] | None = None) -> None:
        self._items: list[T] = [] if items is None else items
        self._length = len(self._items)

    def plus(self, *more: T) -> Trail[T]:
        """This trail and more behind it."""
        items = self._items if len(self._items) == self._length else self._items[: self._length]
        items.extend(more)
        return Trail(items)

    def since(self, start: int) -> list[T]:
        """The items from `start` on."""
        return self._items[start : self._length]

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[T]:
        return iter(self._items[: self._length])

    @property
    def last(self) -> T | None:
        """The newest item."""
        return self._items[self._length - 1] if self._length else None
