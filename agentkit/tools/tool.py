"""Tool: a function that a model may call."""

from __future__ import annotations

import copy
import functools
import hashlib
import inspect
import re
import string
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Concatenate, Generic, ParamSpec, TypedDict, TypeVar, cast, overload

import anyio
import anyio.to_thread
from pydantic_core import to_json
from typing_extensions import TypeIs, Unpack

from agentkit.chat import FunctionDefinition, FunctionTool, Json
from agentkit.errors import ConfigurationError, ToolError
from agentkit.journal import Effect

from .arguments import Arguments, SchemaValidator, Validator, read_arguments
from .context import Context
from .docstring import described
from .json_text import refuse_duplicate_keys
from .results import MAX_RESULT
from .signature import read_signature
from .strict import to_strict

P = ParamSpec("P")
Q = ParamSpec("Q")  # what is left of P without a method's self
R = TypeVar("R", covariant=True)
Predicate = Callable[..., bool | Awaitable[bool]]
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
THREADS = 64  # sync tools that run at the same time in one event loop


class SchemaOptions(TypedDict, total=False):
    """What a tool of any kind may be told, with its type.

    effect: "read" (may start early and run twice), "idempotent" (may run again after a crash), "write" (the default:
    at most once). approval: True, or a predicate of (ctx, **arguments). timeout: seconds. max_failures: failures in a
    row that are answered to the model; the next ends the run. strict: None (when the schema can be), True, False.
    max_result: characters the model reads. thread: False runs a sync function on the loop. lock: calls of equal lock
    text, a format string over the arguments, run one at a time in call order. when: a predicate of ctx that offers the
    tool. untrusted: its results come from outside.
    """

    effect: Effect
    approval: bool | Predicate
    timeout: float | None
    max_failures: int
    strict: bool | None
    max_result: int
    thread: bool
    lock: str | None
    when: Callable[[Context[Any]], bool | Awaitable[bool]] | None
    untrusted: bool


class ToolOptions(SchemaOptions, total=False):
    """The keywords of `tool`: name and description instead of the function's own, and what SchemaOptions has."""

    name: str
    description: str


class Tool(Generic[P, R]):
    """A function with its schema. Calling the tool calls the function; `validate` and `call` are the model's way in."""

    def __init__(
        self,
        function: Callable[..., Any] | None,
        *,
        name: str,
        description: str,
        parameters: Json,
        validator: Validator,
        context: str | None = None,
        deps_type: Any = None,
        effect: Effect = "write",
        approval: bool | Predicate = False,
        timeout: float | None = None,
        max_failures: int = 3,
        strict: bool | None = None,
        max_result: int = MAX_RESULT,
        thread: bool = True,
        lock: str | None = None,
        when: Callable[[Context[Any]], bool | Awaitable[bool]] | None = None,
        untrusted: bool = False,
    ) -> None:
        self.function = function
        self.name, self.description = name, description
        self.place = _place(function, name)
        self.context, self.deps_type = context, deps_type
        self.effect: Effect = effect
        self.approval, self.timeout = approval, timeout
        self.max_failures, self.max_result, self.lock = max_failures, max_result, lock
        self.when, self.untrusted = when, untrusted
        self.runs_elsewhere = function is None
        self._is_async = function is not None and _is_async(function)
        self.threaded = function is not None and not self._is_async and thread
        self._validator, self._plain = validator, parameters
        self._check(lock)
        self.parameters, self.strict = self._wire_form(parameters, strict)
        if function is not None:
            functools.update_wrapper(cast("Any", self), function, updated=())

    def _check(self, lock: str | None) -> None:
        if not _NAME.match(self.name):
            raise ConfigurationError(
                f"{self.place}: {self.name!r} is no tool name; names are 1 to 64 of A-Z a-z 0-9 _ -: give another name="
            )
        if self.effect not in ("read", "idempotent", "write"):
            raise ConfigurationError(f"{self.place}: effect={self.effect!r}; use 'read', 'idempotent' or 'write'")
        for _, field, _, _ in string.Formatter().parse(lock or ""):
            if field is not None and field not in self._plain.get("properties", {}):
                known = ", ".join(self._plain.get("properties", {})) or "none"
                raise ConfigurationError(f"{self.place}: lock names {{{field}}}, but the parameters are: {known}")

    def _wire_form(self, parameters: Json, strict: bool | None) -> tuple[Json, bool]:
        if strict is False:
            return parameters, False
        form = to_strict(parameters, null_for_default=True)
        if isinstance(form, str):
            if strict:
                raise ConfigurationError(f"{self.place}: strict=True, but {form}; use exact types, or strict=False")
            return parameters, False
        return form, True

    @classmethod
    def of(cls, thing: Tool[..., Any] | Callable[..., Any]) -> Tool[..., Any]:
        """The tool of a function, or the tool itself."""
        return thing if _is_tool(thing) else _made(thing, {}, _caller_names(2))

    @classmethod
    def from_schema(
        cls,
        name: str,
        description: str,
        parameters: Json,
        function: Callable[..., Any],
        **options: Unpack[SchemaOptions],
    ) -> Tool[..., Any]:
        """A tool of a raw JSON Schema; the function gets only arguments that fit it, by keyword."""
        schema = _object_schema(parameters, name)
        validator = SchemaValidator(schema, f"tool {name!r}")
        return Tool(function, name=name, description=description, parameters=schema, validator=validator, **options)

    @classmethod
    def external(
        cls, name: str, description: str, parameters: Json, **options: Unpack[SchemaOptions]
    ) -> Tool[..., Any]:
        """A tool that runs elsewhere: the run pauses with its calls until `state.answer(call, result)`."""
        schema = _object_schema(parameters, name)
        validator = SchemaValidator(schema, f"tool {name!r}")
        return Tool(None, name=name, description=description, parameters=schema, validator=validator, **options)

    @functools.cached_property
    def definition(self) -> FunctionTool:
        """The tool as the request carries it."""
        fields: Json = {"name": self.name, "parameters": self.parameters}
        if self.description:
            fields["description"] = self.description
        if self.strict:
            fields["strict"] = True
        return FunctionTool(function=FunctionDefinition.model_validate(fields))

    @property
    def schema(self) -> Json:
        """The wire object: {"type": "function", "function": {...}}."""
        return self.definition.to_json()

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of the schema and the function's code: what is approved is what runs (S3)."""
        code = getattr(inspect.unwrap(self.function), "__code__", None) if self.function is not None else None
        body = to_json(self.schema) + (code.co_code + repr(code.co_consts).encode() if code is not None else b"")
        return hashlib.sha256(re.sub(rb" at 0x[0-9a-f]+", b"", body)).hexdigest()

    def validate(self, text: str | Json) -> Arguments:
        """Check what the model wrote. Raises ToolError with one short line for each problem (Q69 to Q79)."""
        if self.approval is not False and isinstance(text, str):
            refuse_duplicate_keys(text)
        return read_arguments(text, self._validator, self._plain)

    async def call(self, arguments: Arguments, ctx: Context[Any]) -> object:
        """Run the function on valid arguments; sync functions in a worker thread. Raises what the function raises."""
        if self.function is None:
            raise ToolError(f"{self.name} runs elsewhere")
        values = dict(arguments.values)
        if self.context is not None:
            values[self.context] = ctx
        if not self.threaded:
            result = self.function(**values)
            return await result if inspect.isawaitable(result) else result
        bound = functools.partial(self.function, **values)
        return await anyio.to_thread.run_sync(bound, abandon_on_cancel=True, limiter=_limiter())

    async def needs_approval(self, arguments: Arguments, ctx: Context[Any]) -> bool:
        """Whether somebody must approve this very call."""
        if isinstance(self.approval, bool):
            return self.approval
        answer = self.approval(ctx, **arguments.values)
        return bool(await answer if inspect.isawaitable(answer) else answer)

    async def offered(self, ctx: Context[Any]) -> bool:
        """Whether the model may see and call the tool now."""
        if self.when is None:
            return True
        answer = self.when(ctx)
        return bool(await answer if inspect.isawaitable(answer) else answer)

    def lock_key(self, arguments: Arguments) -> str | None:
        """The lock text of a call; None without a lock."""
        return None if self.lock is None else self.lock.format(**arguments.values)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the plain function, as a unit test does."""
        if self.function is None:
            raise ConfigurationError(f"tool {self.name!r} is external: it has no function to call")
        return cast("R", self.function(*args, **kwargs))

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> Tool[P, R]: ...
    @overload
    def __get__(self: Tool[Concatenate[Any, Q], R], instance: object, owner: type | None = None) -> Tool[Q, R]: ...
    def __get__(self, instance: object, owner: type | None = None) -> Tool[..., Any]:
        if instance is None:
            return self
        bound = copy.copy(self)
        function = cast("Any", self.function)
        bound.function = function.__get__(instance, owner)
        return bound

    def __repr__(self) -> str:
        return f"Tool({self.name!r}, effect={self.effect!r})"


_LIMITERS: anyio.lowlevel.RunVar[anyio.CapacityLimiter] = anyio.lowlevel.RunVar("agentkit_tool_threads")


def _limiter() -> anyio.CapacityLimiter:
    try:
        return _LIMITERS.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(THREADS)
        _LIMITERS.set(limiter)
        return limiter


def _is_tool(thing: object) -> TypeIs[Tool[..., Any]]:
    return isinstance(thing, Tool)


def _is_async(function: Callable[..., Any]) -> bool:
    target = inspect.unwrap(function)
    return inspect.iscoroutinefunction(target) or inspect.iscoroutinefunction(getattr(target, "__call__", None))  # noqa: B004


def _place(function: Any, name: str) -> str:
    code = getattr(inspect.unwrap(function), "__code__", None) if function is not None else None
    if code is None:
        return f"tool {name!r}"
    return f"tool {name!r} ({code.co_filename.rsplit('/', 1)[-1]}:{code.co_firstlineno})"


def _object_schema(parameters: Json, name: str) -> Json:
    schema = parameters or {"type": "object", "properties": {}}
    if schema.get("type", "object") != "object":
        raise ConfigurationError(f"tool {name!r}: the parameters must be a schema of type object")
    return {"type": "object", "properties": {}, **schema}


def _made(function: Callable[..., Any], options: ToolOptions, names: Json) -> Tool[..., Any]:
    if not callable(function):
        raise ConfigurationError(f"{function!r} is no function; decorate a function with @tool")
    name = str(options.get("name") or getattr(function, "__name__", type(function).__name__))
    place = _place(function, name)
    about, parameters = described(function)
    description = options.get("description", about)
    if not description:
        warnings.warn(
            f"{place} has no docstring, so the model cannot know what it is for; write one, or give description=",
            UserWarning,
            stacklevel=4,
        )
    signature = read_signature(function, parameters, place, names)
    rest = cast("ToolOptions", {**options, "name": name, "description": description})
    made: Tool[..., Any] = Tool(
        function,
        parameters=signature.parameters,
        validator=signature.validator,
        context=signature.context,
        deps_type=signature.deps_type,
        **rest,
    )
    return made


def _caller_names(depth: int) -> Json:
    """Names that annotations written as text may mean, where the decorator stands."""
    frame = inspect.currentframe()
    for _ in range(depth):
        frame = frame.f_back if frame is not None else None
    return dict(frame.f_locals) if frame is not None else {}


class _Decorator:
    """`@tool(...)` with options, waiting for its function."""

    def __init__(self, options: ToolOptions) -> None:
        self._options = options

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]]) -> Tool[P, Coroutine[Any, Any, R]]: ...
    @overload
    def __call__(self, function: Callable[P, R]) -> Tool[P, R]: ...
    def __call__(self, function: Callable[..., Any]) -> Tool[..., Any]:
        return _made_method_aware(function, self._options, _caller_names(2))


@overload
def tool(function: Callable[P, R], /, **options: Unpack[ToolOptions]) -> Tool[P, R]: ...
@overload
def tool(**options: Unpack[ToolOptions]) -> _Decorator: ...
def tool(function: Callable[..., Any] | None = None, /, **options: Unpack[ToolOptions]) -> Any:
    """Make a function a tool: `@tool`, `@tool(effect="read", ...)` or `tool(function, ...)`; options: `ToolOptions`.

    Raises ConfigurationError at decoration for what a model could not call.
    """
    if function is None:
        return _Decorator(options)
    return _made_method_aware(function, options, _caller_names(2))


def _made_method_aware(function: Callable[..., Any], options: ToolOptions, names: Json) -> Tool[..., Any]:
    """A method is decorated before it has its `self`: read the signature without it."""
    parameters = list(inspect.signature(function).parameters)
    if not parameters or parameters[0] != "self" or inspect.ismethod(function):
        return _made(function, options, names)

    @functools.wraps(function)
    def method(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    signature = inspect.signature(function)
    rest = list(signature.parameters.values())[1:]
    method.__signature__ = signature.replace(parameters=rest)  # type: ignore[attr-defined]
    made = _made(method, options, names)
    made.function = function
    return made


def tools_of(things: Iterable[object]) -> tuple[Tool[..., Any], ...]:
    """Tools of functions, tools, bound methods and objects with decorated methods.

    Raises ConfigurationError when two have one name (S18).
    """
    found: dict[str, Tool[..., Any]] = {}
    for thing in things:
        for made in _tools_in(thing):
            other = found.setdefault(made.name, made)
            if other is not made:
                raise ConfigurationError(
                    f"two tools are named {made.name!r}: {other.place} and {made.place}; "
                    "rename one with @tool(name=...)"
                )
    return tuple(found.values())


def _tools_in(thing: object) -> list[Tool[..., Any]]:
    if isinstance(thing, Tool):
        return [thing]
    function: Any = thing
    if inspect.isroutine(thing) or isinstance(thing, functools.partial):
        return [_made(function, {}, {})]
    found = [getattr(thing, name) for name, value in inspect.getmembers(type(thing)) if isinstance(value, Tool)]
    if found:
        return found
    raise ConfigurationError(
        f"{thing!r} in tools= is neither a function nor an object with methods decorated with @tool"
    )
