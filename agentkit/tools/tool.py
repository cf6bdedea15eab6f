"""Tool: a function that a model may call."""

from __future__ import annotations

import copy
import functools
import hashlib
import inspect
import re
import string
import warnings
from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, Generic, ParamSpec, TypedDict, TypeVar, cast, overload

import anyio
import anyio.to_thread
from pydantic_core import to_json
from typing_extensions import TypeIs, Unpack

from agentkit.chat import FunctionDefinition, FunctionTool, Json, is_json
from agentkit.errors import ConfigurationError, ToolError, refuse_other_signature, refuse_unknown_keywords
from agentkit.journal import Effect

from .arguments import Arguments, SchemaValidator, Validator, read_arguments
from .context import Context
from .dialect import normalised, plain_name
from .docstring import described
from .json_text import MAX_ARGUMENTS, refuse_duplicate_keys
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
    at most once). approval: True, or a predicate of (ctx, **arguments). expires: seconds in which it must be given.
    timeout: seconds. max_failures: failures in a row that are answered to the model; the next ends the run. strict:
    None (when the schema can be), True, False. max_arguments: characters the model may write, more is told to it.
    max_result: characters the model reads, the whole result is kept aside. thread: False runs a sync
    function on the loop. lock: calls of equal lock text, a format string over the arguments, run one at a time in call
    order. when: a predicate of ctx that offers the tool. untrusted: its results come from outside.
    """

    effect: Effect
    approval: bool | Predicate
    expires: float | None
    timeout: float | None
    max_failures: int
    strict: bool | None
    max_arguments: int
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

    when: Callable[[Context[Any]], int | Awaitable[int]] | None

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
        expires: float | None = None,
        timeout: float | None = None,
        max_failures: int = 3,
        strict: bool | None = None,
        max_arguments: int = MAX_ARGUMENTS,
        max_result: int = MAX_RESULT,
        thread: bool = True,
        lock: str | None = None,
        when: Callable[[Context[Any]], bool | Awaitable[bool]] | None = None,
        untrusted: bool = False,
    ) -> None:
        self.function = function
        self.given: ToolOptions | None = None  # the options it was decorated with
        self.name, self.description, self.place = name, description, _place(function, name)
        self.context, self.deps_type = context, deps_type
        self.effect: Effect = effect
        self.approval, self.expires, self.timeout = approval, expires, timeout
        self.max_failures, self.max_arguments, self.max_result = max_failures, max_arguments, max_result
        self.lock, self.when, self.untrusted = lock, when, untrusted
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
        self._check_questions()
        for name, seconds in (("timeout", self.timeout), ("expires", self.expires)):
            if seconds is not None and (not isinstance(cast("object", seconds), int | float) or seconds <= 0):
                raise ConfigurationError(f"{self.place}: {name}={seconds!r}; use seconds above 0, or None")
        if self.effect not in ("read", "idempotent", "write"):
            raise ConfigurationError(f"{self.place}: effect={self.effect!r}; use 'read', 'idempotent' or 'write'")
        for name, least in (("max_failures", 0), ("max_arguments", 1), ("max_result", 1)):
            count = getattr(self, name)
            if not isinstance(cast("object", count), int) or count < least:
                raise ConfigurationError(f"{self.place}: {name}={count!r}; use a whole number, at least {least}")
        self._check_lock(lock)

    def _check_lock(self, lock: str | None) -> None:
        try:
            parts = list(string.Formatter().parse("" if lock is None else lock))
        except (ValueError, TypeError) as error:
            raise ConfigurationError(
                f"{self.place}: lock={lock!r}: {error}; write e.g. lock='account:{{name}}'"
            ) from None
        known = self._plain.get("properties", {})
        wrong = next((field for _, field, _, _ in parts if field is not None and field not in known), None)
        if wrong is not None:
            names = ", ".join(known) or "none"
            raise ConfigurationError(f"{self.place}: lock names {{{wrong}}}, but the parameters are: {names}")

    def _check_questions(self) -> None:
        if not isinstance(self.approval, bool) and not callable(self.approval):
            raise ConfigurationError(f"{self.place}: approval={self.approval!r}; use True, or a function of ctx")
        if callable(self.approval):
            refuse_other_signature(
                f"{self.place}: approval=", self.approval, "ctx", named=self._plain.get("properties", {})
            )
        if self.when is not None:
            if not callable(cast("object", self.when)):
                raise ConfigurationError(f"{self.place}: when={self.when!r}; use a function of ctx")
            refuse_other_signature(f"{self.place}: when=", self.when, "ctx")

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
        return thing if _is_tool(thing) else made(thing, {}, caller_names(2))

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
        if not callable(function):
            raise ConfigurationError(f"tool {name!r}: {function!r} is no function; Tool.external has none")
        refuse_unknown_keywords("Tool.from_schema", options, tuple(SchemaOptions.__annotations__))
        schema, validator = _checked_schema(parameters, name)
        name = plain_name(name)
        return Tool(function, name=name, description=description, parameters=schema, validator=validator, **options)

    @classmethod
    def external(
        cls, name: str, description: str, parameters: Json, **options: Unpack[SchemaOptions]
    ) -> Tool[..., Any]:
        """A tool that runs elsewhere: the run pauses with its calls until `state.answer(call, result)`."""
        refuse_unknown_keywords("Tool.external", options, tuple(SchemaOptions.__annotations__))
        schema, validator = _checked_schema(parameters, name)
        name = plain_name(name)
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

    @property
    def plain_parameters(self) -> Json:
        """The parameters before they took the strict form: what may be left out is not required."""
        return self._plain

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
        return read_arguments(text, self._validator, self._plain, self.max_arguments)

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
        bound = functools.partial(_in_thread, self.function, values)
        result = await anyio.to_thread.run_sync(bound, abandon_on_cancel=True, limiter=_limiter())
        return await result if inspect.isawaitable(result) else result  # `def` that returns what `async def` made

    async def needs_approval(self, arguments: Arguments, ctx: Context[Any]) -> bool:
        """Whether somebody must approve this very call."""
        if isinstance(self.approval, bool):
            return self.approval
        answer = self.approval(ctx, **arguments.values)
        return bool(await answer if inspect.isawaitable(answer) else answer)

    async def offered(self, ctx: Context[Any]) -> int:
        """Whether the model may see and call the tool now; 0 is no, and what has a higher number is offered later."""
        if self.when is None:
            return True
        answer: object = self.when(ctx)
        if inspect.isawaitable(answer):
            answer = cast("object", await answer)
        return answer if isinstance(answer, int) else bool(answer)

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
        method: Any = self.function
        if instance is None or self.given is None or not hasattr(method, "__get__"):
            return self  # only a decorated function is a method
        bound = copy.copy(self)
        bound.function = method.__get__(instance, owner)
        return bound

    def __repr__(self) -> str:
        return f"Tool({self.name!r}, effect={self.effect!r})"


_LIMITERS: anyio.lowlevel.RunVar[anyio.CapacityLimiter] = anyio.lowlevel.RunVar("agentkit_tool_threads")


def _in_thread(function: Callable[..., Any], values: Json) -> Any:
    """What ends a coroutine must not come out of a thread: event loops take it for their own."""
    try:
        return function(**values)
    except (Exception, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        raise ToolError(f"the tool stopped itself with {type(error).__name__}") from error


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


def _checked_schema(parameters: Json, name: str) -> tuple[Json, SchemaValidator]:
    if not is_json(cast("object", parameters)):
        raise ConfigurationError(f"tool {name!r}: the parameters must be a schema of type object")
    schema = normalised(parameters, f"tool {name!r}")
    if schema.get("type", "object") != "object":
        raise ConfigurationError(f"tool {name!r}: the parameters must be a schema of type object")
    validator = SchemaValidator(schema, f"tool {name!r}")
    validator.compile()
    return {"type": "object", "properties": {}, **schema}, validator


def made(function: Callable[..., Any], options: ToolOptions, names: Json) -> Tool[..., Any]:
    """The tool of a function. Raises ConfigurationError for what a model could not call."""
    _refuse(function, "name" in options)
    refuse_unknown_keywords("tool", options, tuple(ToolOptions.__annotations__))
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
    tool: Tool[..., Any] = Tool(
        function,
        parameters=signature.parameters,
        validator=signature.validator,
        context=signature.context,
        deps_type=signature.deps_type,
        **rest,
    )
    tool.given = options
    return tool


def _refuse(function: Callable[..., Any], named: bool) -> None:
    if inspect.isclass(function):
        remedy = f"decorate its methods, and give an object: tools=[{function.__name__}(...)]"
        raise ConfigurationError(f"{function.__name__} is a class; {remedy}")
    if not callable(function):
        raise ConfigurationError(f"{function!r} is no function; decorate a function with @tool")
    target = inspect.unwrap(function)
    if inspect.isasyncgenfunction(target) or inspect.isgeneratorfunction(target):
        place = _place(function, getattr(function, "__name__", "tool"))
        raise ConfigurationError(f"{place} is a generator; return the result, and tell progress with ctx.progress(...)")
    try:
        parameters = inspect.signature(function).parameters
    except ValueError:  # of some builtins
        raise ConfigurationError(f"{function!r} tells no signature; call it in a function of your own") from None
    if getattr(function, "__name__", "") == "<lambda>" and (parameters or not named):
        place = _place(function, "<lambda>")
        raise ConfigurationError(f"{place}: a lambda has no name and no annotations; write a function with `def`")


def caller_names(depth: int) -> Json:
    """Names that annotations written as text may mean, where the decorator stands."""
    frame = inspect.currentframe()
    for _ in range(depth):
        frame = frame.f_back if frame is not None else None
    return dict(frame.f_locals) if frame is not None else {}
