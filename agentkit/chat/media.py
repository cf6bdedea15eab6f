"""Images, audio and files as the wire carries them: by URL, or with their bytes inside the message."""

from __future__ import annotations

import base64
import os
from pathlib import Path

from agentkit.errors import ConfigurationError

LARGEST = 20 * 1024 * 1024  # bytes of one image, recording or file
Source = str | os.PathLike[str] | bytes
_KINDS = (  # (how it begins, what stands at byte 8, its type)
    (b"\x89PNG\r\n\x1a\n", b"", "image/png"),
    (b"\xff\xd8\xff", b"", "image/jpeg"),
    (b"GIF8", b"", "image/gif"),
    (b"RIFF", b"WEBP", "image/webp"),
    (b"RIFF", b"WAVE", "audio/wav"),
    (b"ID3", b"", "audio/mp3"),
    (b"\xff\xfb", b"", "audio/mp3"),
    (b"\xff\xf3", b"", "audio/mp3"),
    (b"\xff\xf2", b"", "audio/mp3"),
    (b"%PDF-", b"", "application/pdf"),
)


def is_url(source: Source) -> bool:
    """Whether it is an address, which is passed on and never fetched."""
    return isinstance(source, str) and source.startswith(("https://", "http://", "data:"))


def encoded(source: Source, wanted: str) -> tuple[str, str]:
    """(type, base64) of a file's bytes; its type is told by how they begin, not by its name.

    wanted: how the type must begin, e.g. "image/". Raises ConfigurationError for another type or too many bytes.
    """
    where = f"{len(source)} bytes" if isinstance(source, bytes) else str(source)
    try:
        data = source if isinstance(source, bytes) else _read(Path(source))
    except OSError as error:
        raise ConfigurationError(f"{where} cannot be read: {error.strerror or error}") from None
    if len(data) > LARGEST:
        raise ConfigurationError(f"{where}: more than {LARGEST // 2**20} MiB cannot be sent; give a URL, or less of it")
    kind = next((name for start, at_8, name in _KINDS if data.startswith(start) and data[8:].startswith(at_8)), "")
    if not kind.startswith(wanted):
        known = ", ".join(dict.fromkeys(name for _, _, name in _KINDS if name.startswith(wanted)))
        raise ConfigurationError(f"{where} is {kind or 'of an unknown type'}; it has to be one of: {known}")
    return kind, base64.b64encode(data).decode()


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST + 1)
