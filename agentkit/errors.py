"""Every error agentkit raises.

AgentKitError
├── ConfigurationError        something was set up wrong; the message names what, where and the remedy
├── ModelError                the model's side gave no usable answer
│   ├── ConnectionFailed      no connection, or it broke before a delta came
│   ├── StatusError           the endpoint answered with an error status
│   │   ├── RateLimited       429
│   │   ├── AuthenticationFailed   401, 403
│   │   ├── BadRequest        400, 404, 413, 422 and the other 4xx
│   │   │   └── ContextOverflow    the conversation is longer than the model's context
│   │   └── ServerFailed      5xx, or an error event inside a stream
│   ├── ProtocolError         the answer is not a Chat Completions answer
│   ├── StreamTruncated       a stream ended before its message did
│   ├── StreamInterrupted     the connection broke after the first delta
│   ├── OutputTruncated       the message was cut by its token limit
│   ├── ContentFiltered       the provider's filter cut the message
│   └── ModelRefused          the model refused where structured output was asked for
├── ToolError                 raised by a tool: its text goes to the model
├── ToolFailed                one tool failed too often in a row
├── OutputInvalid             the final answer does not fit the output type, repairs included
├── LimitReached              a limit of the run was hit
├── SourceFailed              a tool source could not be opened, or lists no tools
├── GuardrailTripped          a guardrail stopped the run
├── StillWaiting              the output was asked of a run that waits for somebody
├── SessionConflict           somebody else wrote to the session first
└── StoreError                the store could not read or write
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Collection, Iterable


class AgentKitError(Exception):
    """Base of all. Out of a run it carries the state to continue from: `RunState.of(error)`."""

    state: object | None = None


class ConfigurationError(AgentKitError):
    """Something was set up wrong; the message names what, where and the remedy."""


class ModelError(AgentKitError):
    """The model's side gave no usable answer. `text` holds what was readable of it.

    completion: the whole answer, where there was one that could not be used (a ChatCompletion).
    """

    completion: object | None = None

    def __init__(self, message: str, *, text: str = "") -> None:
        super().__init__(message)
        self.text = text


class ConnectionFailed(ModelError):
    """No connection, or it broke before a delta came; `timed_out` when nothing came in time.

    `sent` when the request may have left: its answer was lost, and may be billed.
    """

    def __init__(self, message: str, *, text: str = "", timed_out: bool = False, sent: bool = True) -> None:
        super().__init__(message, text=text)
        self.timed_out = timed_out
        self.sent = sent


class StatusError(ModelError):
    """The endpoint answered with an error; its data is in the attributes, secrets scrubbed."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str | None = None,
        type: str | None = None,
        param: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        should_retry: bool | None = None,
        body: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.type = type
        self.param = param
        self.request_id = request_id
        self.retry_after = retry_after
        self.should_retry = should_retry
        self.body = body


class RateLimited(StatusError):
    """429: too many requests, or a quota is used up (`code` tells)."""


class AuthenticationFailed(StatusError):
    """401 or 403: the key is missing, wrong, or not allowed to do this."""


class BadRequest(StatusError):
    """The endpoint does not accept this request; sending it again will not help."""


class ContextOverflow(BadRequest):
    """The conversation is longer than the model's context."""


class ServerFailed(StatusError):
    """5xx, or an error event inside a stream."""


class ProtocolError(ModelError):
    """The answer is not a Chat Completions answer; `text` is an excerpt of at most 300 characters."""


class StreamTruncated(ModelError):
    """A stream ended without a finish reason and without [DONE]; nothing of it was run (Q26)."""


class StreamInterrupted(ModelError):
    """The connection broke, stalled or reported an error after the first delta."""


class OutputTruncated(ModelError):
    """The message was cut by its token limit; `text` is what came. No call of it was run (Q28)."""


class ContentFiltered(ModelError):
    """The provider's filter cut the message; no call of it was run (Q30)."""


class ModelRefused(ModelError):
    """The model refused; `text` is the refusal."""


class ToolError(AgentKitError):
    """Raise it in a tool: its text goes to the model as the result of the call."""


class ToolFailed(AgentKitError):
    """One tool failed more often in a row than its `max_failures` allows."""

    def __init__(self, message: str, *, tool: str, failures: int) -> None:
        super().__init__(message)
        self.tool = tool
        self.failures = failures


class OutputInvalid(AgentKitError):
    """The final answer does not fit the output type, and the repairs are used up."""


class LimitReached(AgentKitError):
    """A limit of the run was hit: `limit` names the field of Limits (or "cost", of Budget), `value` is its setting."""

    def __init__(self, limit: str, value: float | None = None) -> None:
        remedy = "Budget(usd=...)" if limit == "cost" else f"Limits({limit}=...)"
        super().__init__(f"the run reached its limit {limit}={value}; raise it with {remedy}")
        self.limit = limit
        self.value = value


class SourceFailed(AgentKitError):
    """A tool source could not be opened: its server does not start, or does not answer."""


class GuardrailTripped(AgentKitError):
    """A guardrail stopped the run: `guard` names its function, `reason` is what it said."""

    def __init__(self, message: str, *, guard: str = "", reason: str = "") -> None:
        super().__init__(message)
        self.guard = guard
        self.reason = reason


class StillWaiting(AgentKitError):
    """The output was asked of a run that waits for somebody's decision."""


class SessionConflict(AgentKitError):
    """Somebody else wrote to the session first; load it again and go on from there."""


class StoreError(AgentKitError):
    """The store could not read or write; nothing after it was done."""


def refuse_no_count(what: str, value: object, least: int = 1) -> None:
    """Raise ConfigurationError for what is not a whole number of at least `least`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigurationError(f"{what}={value!r}: use a whole number, at least {least}")


def missing_extra(what: str, extra: str) -> ConfigurationError:
    """The error where a package of an extra is not installed, by the name under which this one was installed."""
    from importlib.metadata import packages_distributions  # it reads what all installed packages hold

    name = next(iter(packages_distributions().get(__name__.partition(".")[0], ())), "agentkit")
    return ConfigurationError(f"{what} needs the extra `{extra}`: pip install '{name}[{extra}]'")


def refuse_unknown_keywords(call: str, given: Iterable[str], known: Collection[str]) -> None:
    """Raise TypeError for a keyword that does not exist, naming the nearest one."""
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}=?" if near else f"its keywords are {', '.join(known)}"
            raise TypeError(f"{call} has no keyword {name!r}; {hint}")


def refuse_other_signature(where: str, function: Callable[..., object], *given: str, named: Iterable[str] = ()) -> None:
    """Raise ConfigurationError for a function that cannot be called with these arguments."""
    call = ", ".join([*given, *(f"{name}=..." for name in named)])
    try:
        inspect.signature(function).bind(*given, **dict.fromkeys(named))
    except ValueError:  # some builtins do not tell
        return
    except TypeError as error:
        raise ConfigurationError(f"{where} is called with ({call}); let it take just these: {error}") from None
