"""Reading a document from a URL: only of the public internet, at the address that was checked (S8)."""

from __future__ import annotations

import pytest

from agentkit import ConfigurationError, SourceFailed
from agentkit.client import fetch
from agentkit.client.fetch import is_public
from tests.loopback import Received, Reply, Script, closed, serve

pytestmark = pytest.mark.anyio

TEXT = {"content-type": "text/plain"}


def text(body: str, status: int = 200, **headers: str) -> Reply:
    return Reply(body.encode(), None, status, {**TEXT, **headers})


async def fetched(script: Script, path: str = "/doc", **options: int) -> tuple[str, list[Received]]:
    with serve(()) as server:
        server._script = script
        try:
            url = server.base_url.replace("127.0.0.1", "localhost").removesuffix("/v1")
            return await fetch(f"{url}{path}", allow_private=True, **options), list(server.requests)
        finally:
            assert await closed(server)
            server.requests.clear()  # they are no chat completions


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.100.100.200",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "198.18.0.1",
        "192.0.0.8",
        "240.0.0.1",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::127.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::a00:1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::",
        "2001:0:7f00:1::1",
        "2001:db8::1",
    ],
)
def test_addresses_inside_are_known_however_they_are_written(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:2800:220:1::1"])
def test_addresses_of_the_public_internet_are_known(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://127.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://169.254.169.254/latest/meta-data",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://0/",
        "https://10.0.0.1/",
        "http://[fe80::1]/",
    ],
)
async def test_a_url_that_leads_inside_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is not of the public internet"):
        await fetch(url)


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://example.org/x", "http://user:key@example.org/", "http://evil.example\\@127.0.0.1/",
     "http://exa mple.org/", "http:///x", "http://0177.0.0.1/", "data:text/plain,x", "http://example.org:99999/", "gopher://x/"],
)  # fmt: skip
async def test_what_is_no_plain_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="^fetch: "):
        await fetch(url)


async def test_a_document_is_fetched_from_the_address_by_its_name() -> None:
    body, requests = await fetched([text("openapi: 3.1.0")])
    assert body == "openapi: 3.1.0"
    assert requests[0].path == "/doc"
    assert requests[0].headers["host"].startswith("localhost:")
    assert requests[0].headers["accept-encoding"] == "identity"


async def test_redirects_are_checked_like_the_first_url() -> None:
    body, requests = await fetched([text("", 302, location="/other?a=1"), text("there")])
    assert (body, requests[1].path) == ("there", "/other?a=1")
    with pytest.raises(ConfigurationError, match="only http and https"):
        await fetched([text("", 301, location="file:///etc/passwd")])
    with pytest.raises(SourceFailed, match="redirects more than 5 times"):
        await fetched(lambda request: text("", 302, location="/doc"))


async def test_what_is_too_large_compressed_or_an_error_is_not_taken() -> None:
    assert (await fetched([text("x" * 1000)], max_bytes=1000))[0] == "x" * 1000
    with pytest.raises(SourceFailed, match="larger than 1000 bytes"):
        await fetched([Reply(b"x" * 1001, 100, headers=TEXT, ending="hang")], max_bytes=1000, seconds=10)
    with pytest.raises(SourceFailed, match="compressed"):
        await fetched([text("x", **{"content-encoding": "gzip"})])
    with pytest.raises(SourceFailed, match="answered 404"):
        await fetched([text("no", 404)])
    with pytest.raises(SourceFailed, match="not UTF-8"):
        await fetched([Reply(b"\xff\xfe", None, headers=TEXT)])
    with pytest.raises(SourceFailed, match="did not answer within 1 s"):
        await fetched([Reply(b"{", None, headers=TEXT, ending="hang")], seconds=1)
