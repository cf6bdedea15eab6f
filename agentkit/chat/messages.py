"""Messages and their parts: every role and content part of the protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, model_validator

from agentkit.errors import ConfigurationError

from .media import Source, encoded, is_url
from .wire import Given, Json, Tagged, Wire


class TextPart(Tagged):
    """Text."""

    text: str
    type: Literal["text"] = "text"


class RefusalPart(Tagged):
    """A refusal inside an assistant message."""

    refusal: str
    type: Literal["refusal"] = "refusal"


class ImageUrl(Wire):
    """An image by URL or as a data URL."""

    url: str
    detail: Given[str] = None  # auto (the default of the API), low, high


class ImagePart(Tagged):
    """An image."""

    image_url: ImageUrl
    type: Literal["image_url"] = "image_url"

    @classmethod
    def of(cls, source: Source, *, detail: Literal["auto", "low", "high"] | None = None) -> ImagePart:
        """An image by URL (passed on, not fetched), path, or bytes: PNG, JPEG, GIF, WebP, at most 20 MiB."""
        if not is_url(source):
            source = "data:{};base64,{}".format(*encoded(source, "image/"))
        return cls(image_url=ImageUrl(url=str(source), detail=detail))


class InputAudio(Wire):
    """Audio, base64-encoded."""

    data: str
    format: str  # wav or mp3


class AudioPart(Tagged):
    """Audio of the user."""

    input_audio: InputAudio
    type: Literal["input_audio"] = "input_audio"

    @classmethod
    def of(cls, source: Source) -> AudioPart:
        """A recording by path or bytes: WAV or MP3, at most 20 MiB. The API takes no URL of one."""
        if is_url(source):
            raise ConfigurationError("audio is sent with its bytes, not by URL: give AudioPart.of(a path, or bytes)")
        kind, data = encoded(source, "audio/")
        return cls(input_audio=InputAudio(data=data, format=kind.removeprefix("audio/")))


class FilePart(Tagged):
    """A file, by id or with its data."""

    file: Json
    type: Literal["file"] = "file"

    @classmethod
    def of(cls, source: Source, *, name: str = "") -> FilePart:
        """A PDF by path or bytes, at most 20 MiB; `name` is the path's own where none is given."""
        if is_url(source):
            raise ConfigurationError("a file is sent with its bytes or by id, not by URL: give a path, or bytes")
        kind, data = encoded(source, "application/pdf")
        name = name or ("file.pdf" if isinstance(source, bytes) else Path(source).name)
        return cls(file={"filename": name, "file_data": f"data:{kind};base64,{data}"})


Part = TextPart | ImagePart | AudioPart | FilePart | RefusalPart
UserPart = Annotated[TextPart | ImagePart | AudioPart | FilePart, Field(discriminator="type")]
AssistantPart = Annotated[TextPart | RefusalPart, Field(discriminator="type")]
_Text = str | Annotated[tuple[TextPart, ...], Field(min_length=1)]


def joined(content: str | tuple[Any, ...] | None) -> str:
    """The text of a content, its parts joined; parts without text leave nothing."""
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(part.text for part in content if isinstance(part, TextPart))


class DeveloperMessage(Tagged):
    """Instructions of the developer; for o1 and newer instead of the system message."""

    content: _Text
    role: Literal["developer"] = "developer"
    name: Given[str] = None


class SystemMessage(Tagged):
    """Instructions of the developer."""

    content: _Text
    role: Literal["system"] = "system"
    name: Given[str] = None


class UserMessage(Tagged):
    """What the user says: text, or parts of text, images, audio and files."""

    content: str | Annotated[tuple[UserPart, ...], Field(min_length=1)]
    role: Literal["user"] = "user"
    name: Given[str] = None


class FunctionCall(Wire):
    """A function's name and its arguments as the model wrote them: JSON text that may be wrong."""

    name: str
    arguments: str


class ToolCall(Tagged):
    """A call of a function."""

    id: str
    function: FunctionCall
    type: Literal["function"] = "function"

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.name

    @property
    def text(self) -> str:
        """The arguments as JSON text."""
        return self.function.arguments


class CustomCall(Wire):
    """A custom tool's name and its free-form input."""

    name: str
    input: str


class CustomToolCall(Tagged):
    """A call of a custom tool."""

    id: str
    custom: CustomCall
    type: Literal["custom"] = "custom"

    @property
    def name(self) -> str:
        """The tool's name."""
        return self.custom.name

    @property
    def text(self) -> str:
        """The input."""
        return self.custom.input


AnyToolCall = Annotated[ToolCall | CustomToolCall, Field(discriminator="type")]


class AudioReference(Wire):
    """An earlier audio answer of the model, by its id."""

    id: str


class AssistantMessage(Tagged):
    """What the model said: text, a refusal, or calls."""

    content: str | Annotated[tuple[AssistantPart, ...], Field(min_length=1)] | None = None
    role: Literal["assistant"] = "assistant"
    name: Given[str] = None
    refusal: str | None = None
    audio: AudioReference | None = None
    tool_calls: tuple[AnyToolCall, ...] | None = None
    function_call: FunctionCall | None = None  # deprecated: read as one call, never sent anew

    @model_validator(mode="after")
    def _content_or_calls(self) -> AssistantMessage:
        parts = self.content if isinstance(self.content, tuple) else ()
        if any(isinstance(part, RefusalPart) for part in parts) and len(parts) != 1:
            raise ValueError("content takes one or more text parts, or exactly one refusal part")
        if self.content is None and not (self.tool_calls or self.function_call or self.audio or self.refusal):
            raise ValueError("content is required unless there are tool_calls, function_call, audio or a refusal")
        return self

    @property
    def text(self) -> str:
        """The text, its parts joined; empty when there is none."""
        return joined(self.content)

    @property
    def calls(self) -> tuple[ToolCall | CustomToolCall, ...]:
        """The calls, a deprecated function_call read as one of them."""
        if self.tool_calls:
            return self.tool_calls
        if self.function_call is not None and self.function_call.name:
            return (ToolCall(id="", function=self.function_call),)
        return ()


class ResponseMessage(AssistantMessage):
    """An assistant message as a server sent it: nothing is required, unknown fields are kept."""

    audio: Any = None  # the whole audio answer; `calls` and the history use its id alone

    @model_validator(mode="after")
    def _content_or_calls(self) -> ResponseMessage:
        return self

    @property
    def reasoning(self) -> str:
        """The model's reasoning, under either name that providers use."""
        extra = self.__pydantic_extra__ or {}
        found = extra.get("reasoning_content") or extra.get("reasoning") or ""
        return found if isinstance(found, str) else ""


class ToolMessage(Tagged):
    """The result of one call."""

    tool_call_id: str
    content: _Text
    role: Literal["tool"] = "tool"


class FunctionMessage(Tagged):
    """The result of a deprecated function call."""

    name: str
    content: str | None
    role: Literal["function"] = "function"


Message = Annotated[
    DeveloperMessage | SystemMessage | UserMessage | AssistantMessage | ToolMessage | FunctionMessage,
    Field(discriminator="role"),
]

_LATER = ConfigDict(defer_build=True)  # schemas are built at first use, not at import
MESSAGE: TypeAdapter[Message] = TypeAdapter(Message, config=_LATER)
MESSAGES: TypeAdapter[tuple[Message, ...]] = TypeAdapter(tuple[Message, ...], config=_LATER)
