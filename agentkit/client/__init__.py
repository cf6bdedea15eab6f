"""Speaking Chat Completions over HTTP."""

from .address import checked_base_url, is_private
from .answer import Sizes, Timeout
from .channel import Channel
from .client import ChatClient
from .failure import status_error
from .feed import Feed, first_error
from .fetch import fetch, read_at_most
from .retry import RETRIES, Retries, RetryPolicy
from .secret import Secret, scrub
from .sse import EventDecoder
from .stream import CompletionStream
from .watch import WATCH, Watch

__all__ = [
    "RETRIES",
    "WATCH",
    "Channel",
    "ChatClient",
    "CompletionStream",
    "EventDecoder",
    "Feed",
    "Retries",
    "RetryPolicy",
    "Secret",
    "Sizes",
    "Timeout",
    "Watch",
    "checked_base_url",
    "fetch",
    "first_error",
    "is_private",
    "read_at_most",
    "scrub",
    "status_error",
]
