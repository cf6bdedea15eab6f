"""A request, checked at construction with the limits of the API page."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import to_json

from .messages import ImagePart, Message, UserMessage
from .parameters import (
    AllowedToolsChoice,
    CustomChoice,
    FunctionChoice,
    Name,
    NamedFunction,
    Parameters,
    ResponseFormat,
    Switch,
)
from .settings import Settings
from .wire import Given, Json, Tagged, Wire, configuration_error

STORED_IMAGE = 10 * 1024 * 1024  # bytes; larger images are dropped from stored completions


class FunctionDefinition(Wire):
    """A function as the model sees it; without `parameters` it takes none."""

    name: Name
    description: Given[str] = None
    parameters: Given[Json] = None
    strict: Switch | None = None


class FunctionTool(Tagged):
    """A function that the model may call."""

    function: FunctionDefinition
    type: Literal["function"] = "function"

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.name


class CustomDefinition(Wire):
    """A custom tool as the model sees it: free-form input, perhaps by a grammar."""

    name: str
    description: Given[str] = None
    format: Given[Json] = None


class CustomTool(Tagged):
    """A custom tool that the model may call."""

    custom: CustomDefinition
    type: Literal["custom"] = "custom"

    @property
    def name(self) -> str:
        """The tool's name."""
        return self.custom.name


AnyTool = Annotated[FunctionTool | CustomTool, Field(discriminator="type")]


class Rest:
    """The bytes of a request but for its messages, shared by requests that differ in messages alone."""

    __slots__ = ("by_stream",)

    def __init__(self) -> None:
        self.by_stream: dict[bool, bytes] = {}


class ChatRequest(Parameters):
    """What is sent to `/chat/completions`. Raises ConfigurationError for what the API page does not allow."""

    messages: Annotated[tuple[Message, ...], Field(min_length=1)]
    model: str
    tools: Annotated[tuple[AnyTool, ...], Field(min_length=1, max_length=128)] | None = None
    stream: Switch | None = None
    # Deprecated: accepted, never sent anew.
    functions: Annotated[tuple[FunctionDefinition, ...], Field(min_length=1, max_length=128)] | None = None
    function_call: Literal["none", "auto"] | NamedFunction | None = None

    __slots__ = ("rest",)
    if TYPE_CHECKING:
        rest: ClassVar[Rest]

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise configuration_error("ChatRequest", error) from None

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        if self.stream_options is not None and not self.stream:
            raise ValueError("stream_options is only allowed with stream=True")
        if self.tools is None and not self.functions:
            if self.tool_choice not in (None, "none"):
                raise ValueError("tool_choice is only allowed with tools")
            if self.parallel_tool_calls is not None:
                raise ValueError("parallel_tool_calls is only allowed with tools")
        names = [tool.name for tool in self.tools or ()]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two tools are named {twice!r}")
        for wanted in _chosen(self.tool_choice):
            if wanted not in names:
                raise ValueError(f"tool_choice names {wanted!r}, which is not offered; offered: {', '.join(names)}")
        if self.store and any(_too_large(message) for message in self.messages):
            warnings.warn("store=True drops images over 10 MB from what is stored", UserWarning, stacklevel=3)
        return self

    @classmethod
    def of(
        cls,
        model: str,
        messages: Sequence[Message],
        tools: Sequence[FunctionTool | CustomTool] = (),
        settings: Settings | None = None,
        response_format: ResponseFormat | None = None,
    ) -> ChatRequest:
        """A request out of its parts. Stream options stay aside until the request is streamed."""
        values: Json = {"model": model, "messages": tuple(messages)}
        if tools:
            values["tools"] = tuple(tools)
        if settings is not None:
            values.update(settings.parameters())
            values.update(settings.extra)
            if "stream_options" in values:
                values["stream"] = True  # checked together; `body` says what is really sent
        if response_format is not None:
            values["response_format"] = response_format
        return cls(**values)

    def with_messages(self, messages: tuple[Message, ...]) -> ChatRequest:
        """The same request over other, already valid messages; nothing is checked or serialised again."""
        new: ChatRequest = object.__new__(type(self))
        set_ = object.__setattr__
        set_(new, "__dict__", {**self.__dict__, "messages": messages})
        set_(new, "__pydantic_fields_set__", self.__pydantic_fields_set__)
        set_(new, "__pydantic_extra__", self.__pydantic_extra__)
        set_(new, "__pydantic_private__", None)
        set_(new, "rest", self.shared_rest())
        return new

    def replace(self, **changes: Any) -> ChatRequest:
        """A checked copy with other fields."""
        return self.model_copy(update=changes)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy; changed fields are checked as at construction."""
        try:
            return super().model_copy(update=update, deep=deep)
        except ValidationError as error:
            raise configuration_error("ChatRequest", error) from None

    def shared_rest(self) -> Rest:
        """What is shared with all requests that differ from this one in their messages alone."""
        try:
            rest = self.rest
        except AttributeError:
            rest = Rest()
            object.__setattr__(self, "rest", rest)
        return rest

    def rest_json(self, stream: bool) -> Json:
        """Everything but the messages as wire JSON; what is None is not sent."""
        dumped = self.model_dump(mode="json", exclude={"messages"}, exclude_unset=True, by_alias=True)
        rest = {name: value for name, value in dumped.items() if value is not None}
        rest.pop("stream", None)
        if not stream:
            rest.pop("stream_options", None)
            return rest
        options = rest.pop("stream_options", {})
        return {**rest, "stream": True, "stream_options": {"include_usage": True, **options}}

    def body(self, stream: bool = False) -> bytes:
        """The request as JSON: the messages' own bytes, joined, and everything else serialised once."""
        rests = self.shared_rest().by_stream
        rest = rests.get(stream)
        if rest is None:
            rest = rests[stream] = to_json(self.rest_json(stream))[1:]
        return b'{"messages":[' + b",".join([message.json_bytes() for message in self.messages]) + b"]," + rest


def _chosen(choice: Any) -> list[str]:
    if isinstance(choice, FunctionChoice):
        return [choice.function.name]
    if isinstance(choice, CustomChoice):
        return [choice.custom.name]
    if isinstance(choice, AllowedToolsChoice):
        rows: list[Json] = [tool.get("function") or tool.get("custom") or {} for tool in choice.allowed_tools.tools]
        return [row["name"] for row in rows if "name" in row]
    return []


def _too_large(message: Message) -> bool:
    if not isinstance(message, UserMessage) or isinstance(message.content, str):
        return False
    urls = [part.image_url.url for part in message.content if isinstance(part, ImagePart)]
    return any(url.startswith("data:") and len(url) * 3 // 4 > STORED_IMAGE for url in urls)
