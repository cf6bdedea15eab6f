"""The base of everything that goes over the wire: frozen, unknown fields kept, serialised once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from typing_extensions import TypeIs

from agentkit.errors import ConfigurationError

Json = dict[str, Any]
_Value = TypeVar("_Value")
Given = Annotated[_Value | None, Field(exclude_if=lambda value: value is None)]
"""A field whose absence the API does not take as null: None is not sent."""


def is_json(value: object) -> TypeIs[Json]:
    """Whether parsed JSON is an object: `isinstance`, with the type that its keys and values have."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeIs[list[Any]]:
    """Whether parsed JSON is an array."""
    return isinstance(value, list)


class Wire(BaseModel):
    """A frozen piece of the protocol. It keeps unknown fields, and its JSON bytes once they were asked for."""

    model_config = ConfigDict(
        frozen=True, extra="allow", protected_namespaces=(), ser_json_inf_nan="null", defer_build=True
    )

    # Slots, not fields: a copy starts without them, so bytes can never be those of another message.
    __slots__ = ("memo", "sent")
    if TYPE_CHECKING:
        memo: ClassVar[bytes]
        sent: ClassVar[tuple[object, bytes]]  # (profile, bytes), kept by whoever sends

    def json_bytes(self) -> bytes:
        """Compact JSON without the fields that were never set."""
        try:
            memo = self.memo
        except AttributeError:
            memo = self.__pydantic_serializer__.to_json(self, exclude_unset=True, by_alias=True)
            object.__setattr__(self, "memo", memo)
        return memo

    def to_json(self) -> Json:
        """The wire form as a dict, without the fields that were never set."""
        return self.model_dump(mode="json", exclude_unset=True, by_alias=True)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy; changed fields are checked as at construction."""
        if not update:
            return super().model_copy(deep=deep)
        changed: Json = {name: getattr(self, name) for name in self.model_fields_set}
        return type(self).model_validate({**changed, **update})


class Tagged(Wire):
    """A wire piece that says what it is by `role` or `type`: the tag is always sent, given or not."""

    _tag: ClassVar[str] = "type"

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        cls._tag = "role" if "role" in cls.model_fields else "type"

    def model_post_init(self, context: Any) -> None:
        """Count the tag among the fields that were set."""
        self.__pydantic_fields_set__.add(self._tag)


def configuration_error(what: str, error: ValidationError) -> ConfigurationError:
    """pydantic's reasons as one ConfigurationError that names what, where and why."""
    rows = error.errors(include_url=False)
    places = [row["loc"] for row in rows]
    # A list with a wrong item in it is also reported as too short, which it is not.
    rows = [row for row in rows if not any(_inside(place, row["loc"]) for place in places)]
    lines = [f"{'.'.join([what, *_steps(row['loc'])])}: {_reason(row)}" for row in rows[:5]]
    return ConfigurationError("; ".join(lines))


def _inside(place: tuple[int | str, ...], other: tuple[int | str, ...]) -> bool:
    return len(place) > len(other) and place[: len(other)] == other


def _steps(place: tuple[int | str, ...]) -> list[str]:
    """The way to a field without pydantic's names of the union members tried, such as `tuple[TextPart, ...]`."""
    steps = [str(step) for step in place if "[" not in str(step)]
    return steps[:-1] if steps[-1:] == ["str"] else steps


def _reason(row: Any) -> str:
    given = repr(row.get("input"))
    shown = f", not {given}" if len(given) <= 60 and row["type"] != "missing" else ""
    return f"{str(row['msg']).removeprefix('Value error, ')}{shown}"
