"""States that travel through somebody else's hands: signed, so that what comes back is what was given (S4)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from pydantic_core import from_json, to_json

from agentkit.chat import is_json
from agentkit.errors import ConfigurationError

from .state import RunState

SHORTEST = 16  # bytes of a key


def sign(state: RunState, key: str | bytes, *, key_id: str = "1") -> str:
    """The state as JSON with an HMAC-SHA256 over it and the key's id. It is readable: a signature hides nothing."""
    body = state.model_dump_json()
    return to_json({"key": key_id, "mac": _mac(body, _bytes(key), key_id), "state": body}).decode()


def verify(text: str | bytes, keys: Mapping[str, str | bytes]) -> RunState:
    """The state that `sign` wrote with one of these keys, by id. Raises ConfigurationError for anything else."""
    try:
        data = from_json(text)
    except ValueError:
        data = None
    if not is_json(data) or set(data) != {"key", "mac", "state"} or not all(isinstance(v, str) for v in data.values()):
        raise ConfigurationError("this is not a signed run state")
    key = keys.get(data["key"])
    expected = _mac(data["state"], _bytes(key), data["key"]) if key is not None else ""
    if key is None or not hmac.compare_digest(expected.encode(), data["mac"].encode()):
        raise ConfigurationError("the signature of this run state is not one of ours")
    return RunState.model_validate_json(data["state"])


def _mac(body: str, key: bytes, key_id: str) -> str:
    return hmac.new(key, f"agentkit state\0{key_id}\0{body}".encode(), hashlib.sha256).hexdigest()


def _bytes(key: str | bytes) -> bytes:
    raw = key.encode() if isinstance(key, str) else key
    if len(raw) < SHORTEST:
        raise ConfigurationError(f"a key to sign with has at least {SHORTEST} bytes, e.g. secrets.token_bytes(32)")
    return raw
