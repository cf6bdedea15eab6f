"""Speaking Chat Completions over HTTP."""

from .address import checked_base_url, is_private
from .answer import Sizes, Timeout
from .channel import Channel
from .client import ChatClient
from .failure import status_error
from .feed import Feed, first_error
from .retry import RETRIES, Retries, RetryPolicy
from .secret import Secret, scrub
from .sse import EventDecoder
from .stream import CompletionStream

__all__ = [
    "RETRIES",
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
    "checked_base_url",
    "first_error",
    "is_private",
    "scrub",
    "status_error",
]
