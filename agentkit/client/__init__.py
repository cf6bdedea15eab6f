"""Speaking Chat Completions over HTTP."""

from .address import checked_base_url, is_private
from .answer import Timeout
from .channel import Channel
from .client import ChatClient
from .failure import status_error
from .retry import RetryPolicy
from .secret import Secret, scrub
from .sse import EventDecoder
from .stream import CompletionStream
from .transport import StackTransport, Transport

__all__ = [
    "Channel",
    "ChatClient",
    "CompletionStream",
    "EventDecoder",
    "RetryPolicy",
    "Secret",
    "StackTransport",
    "Timeout",
    "Transport",
    "checked_base_url",
    "is_private",
    "scrub",
    "status_error",
]
