"""Speaking Chat Completions over HTTP."""

from .address import checked_base_url, is_private
from .answer import Timeout
from .channel import Channel
from .client import ChatClient
from .failure import status_error
from .feed import Feed, first_error
from .fetch import fetch, read_at_most
from .retry import RetryPolicy
from .secret import Secret, scrub
from .sse import EventDecoder
from .stream import CompletionStream

__all__ = [
    "Channel",
    "ChatClient",
    "CompletionStream",
    "EventDecoder",
    "Feed",
    "RetryPolicy",
    "Secret",
    "Timeout",
    "checked_base_url",
    "fetch",
    "first_error",
    "is_private",
    "read_at_most",
    "scrub",
    "status_error",
]
