"""Images, audio and files: told by their bytes, put into the message, refused early when they cannot be sent."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from agentkit import Agent, ConfigurationError, RemoteModel
from agentkit.chat import AudioPart, FilePart, ImagePart, TextPart
from agentkit.testing import FakeServer

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 16
WAV = b"RIFF\x24\0\0\0WAVEfmt " + b"\0" * 16


@pytest.mark.parametrize(
    "data, kind",
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 9, "image/jpeg"),
        (b"GIF89a" + b"\0" * 9, "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
    ],
)
def test_the_type_of_an_image_is_told_by_its_bytes(tmp_path: Path, data: bytes, kind: str) -> None:
    path = tmp_path / "misnamed.txt"
    path.write_bytes(data)
    expected = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    assert ImagePart.of(data).image_url.url == ImagePart.of(path).image_url.url == expected
    assert ImagePart.of(str(path)).image_url.url == expected


def test_an_address_is_passed_on() -> None:
    part = ImagePart.of("https://example.com/cat.png", detail="low")
    assert part.to_json() == {
        "type": "image_url",
        "image_url": {"url": "https://example.com/cat.png", "detail": "low"},
    }
    assert "detail" not in ImagePart.of("https://example.com/cat.png").to_json()["image_url"]


def test_audio_and_files_carry_their_bytes(tmp_path: Path) -> None:
    audio = AudioPart.of(WAV)
    assert (audio.input_audio.format, base64.b64decode(audio.input_audio.data)) == ("wav", WAV)
    assert AudioPart.of(b"ID3\x04").input_audio.format == "mp3"
    path = tmp_path / "report.pdf"
    path.write_bytes(b"%PDF-1.7 x")
    file = FilePart.of(path).file
    assert file["filename"] == "report.pdf"
    assert file["file_data"] == "data:application/pdf;base64," + base64.b64encode(b"%PDF-1.7 x").decode()
    assert FilePart.of(b"%PDF-1.7", name="a.pdf").file["filename"] == "a.pdf"


@pytest.mark.parametrize(
    "make, says",
    [
        (lambda: ImagePart.of(WAV), "is audio/wav; it has to be one of: image/png"),
        (lambda: ImagePart.of(b"hello"), "5 bytes is of an unknown type"),
        (lambda: ImagePart.of("no-such.png"), "no-such.png cannot be read: No such file"),
        (lambda: ImagePart.of(PNG + b"\0" * 20 * 2**20), "more than 20 MiB cannot be sent; give a URL"),
        (lambda: AudioPart.of("https://example.com/a.wav"), "not by URL"),
        (lambda: FilePart.of("https://example.com/a.pdf"), "not by URL"),
        (lambda: FilePart.of(PNG), "it has to be one of: application/pdf"),
    ],
)
def test_what_cannot_be_sent_is_told_with_its_remedy(make: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        make()


@pytest.mark.anyio
async def test_parts_arrive_at_the_endpoint_as_they_were_made() -> None:
    with FakeServer(["a cat"]) as server:
        agent = Agent(RemoteModel("m", base_url=server.base_url))
        await agent.run([TextPart(text="What is it?"), ImagePart.of(PNG), AudioPart.of(WAV)])
    assert [part["type"] for part in server.requests[0]["messages"][0]["content"]] == [
        "text",
        "image_url",
        "input_audio",
    ]
    assert server.problems == []
