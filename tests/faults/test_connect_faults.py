"""Every way in which there is no connection, at every request of the golden run, once and for good (F1)."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator

import anyio
import httpx
import pytest

from agentkit import Agent, ConnectionFailed, RemoteModel, RunState, Timeout
from agentkit.client.transport import StackTransport
from agentkit.testing import check_invariants
from tests.loopback import Received, Reply, serve

from .golden import EXPECTED, SCRIPT, Effects, finished, tools
from .test_http_faults import good

CONNECT = 0.1  # seconds of patience; only what never answers takes them


@contextlib.contextmanager
def refused() -> Iterator[str]:
    """A port where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@contextlib.contextmanager
def never() -> Iterator[str]:
    """A server so busy that it lets no connection in: who comes when its queue is full waits."""
    with socket.socket() as busy, contextlib.ExitStack() as queue:
        busy.bind(("127.0.0.1", 0))
        busy.listen(0)
        for _ in range(4):
            waiting = queue.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(busy.getsockname())
        yield f"http://127.0.0.1:{busy.getsockname()[1]}"


@contextlib.contextmanager
def answering(data: bytes) -> Iterator[str]:
    """A server that says this to whoever connects, and hangs up."""

    def answer() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = door.accept()
                with connection:
                    connection.sendall(data)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):
                        pass

    with socket.create_server(("127.0.0.1", 0)) as door:
        thread = threading.Thread(target=answer)
        thread.start()
        yield f"127.0.0.1:{door.getsockname()[1]}"
        door.shutdown(socket.SHUT_RDWR)
    thread.join()


@contextlib.contextmanager
def no_tls() -> Iterator[str]:
    """A server that answers a TLS greeting in plain text."""
    with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as address:
        yield f"https://{address}"


@contextlib.contextmanager
def hung_up() -> Iterator[str]:
    """A server that takes connections and says nothing."""
    with answering(b"") as address:
        yield f"http://{address}"


@contextlib.contextmanager
def no_name() -> Iterator[str]:
    """A name that cannot be looked up."""
    yield "http://-.-:80"


@contextlib.contextmanager
def proxy_refuses() -> Iterator[str]:
    """A proxy that lets nobody through."""
    with answering(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n") as address:
        yield f"proxy http://{address}"


FAULTS = (refused, never, no_tls, hung_up, no_name, proxy_refuses)
Fault = Callable[[], contextlib.AbstractContextManager[str]]


class Elsewhere(httpx.AsyncBaseTransport):
    """Sends the requests of one turn to another address, or through a proxy: the first of them, or all."""

    def __init__(self, address: str, turn: int, always: bool) -> None:
        self._turn, self._always, self.faults = turn, always, 0
        through, _, self._address = address.rpartition(" ")
        self._right = StackTransport()
        self._wrong = StackTransport(proxy=self._address) if through else StackTransport()
        self._through = bool(through)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        messages = json.loads(request.content)["messages"]
        said = [message["role"] for message in messages].count("assistant")
        if said != self._turn or (self.faults and not self._always):
            return await self._right.handle_async_request(request)
        self.faults += 1
        if self._through:
            request.url = request.url.copy_with(scheme="https")
        else:
            request.url = httpx.URL(self._address).copy_with(path=request.url.path)
        return await self._wrong.handle_async_request(request)

    async def aclose(self) -> None:
        await self._right.aclose()
        await self._wrong.aclose()


async def with_fault(fault: Fault, turn: int, always: bool, streamed: bool) -> None:
    """The golden run, in which one request, or all of its turn, find no connection."""
    effects = Effects()

    def answer(received: Received) -> Reply:
        return good(received.json)

    with serve(answer) as server, fault() as address:
        async with Elsewhere(address, turn, always) as transport:
            model = RemoteModel(
                "m", base_url=server.base_url, transport=transport, retries=0, timeout=Timeout(connect=CONNECT)
            )
            with pytest.raises(ConnectionFailed) as raised:
                await finished(Agent(model, tools=tools(effects)), "go", streamed)
            assert transport.faults == 1
            check_invariants(raised.value)
            effects.check_at_most_once()
            state = RunState.model_validate_json(RunState.of(raised.value).model_dump_json())
            if always:
                with pytest.raises(ConnectionFailed) as again:
                    await finished(Agent(model, tools=tools(effects)), state, streamed)
                state = RunState.of(again.value)
        mended = RemoteModel("m", base_url=server.base_url)
        result = await finished(Agent(mended, tools=tools(effects)), state, streamed)
        assert len(server.requests) == len(SCRIPT)  # what found no connection cost nothing
    assert result.output == "done"
    assert effects.counted() == EXPECTED
    effects.check_at_most_once()
    lost = (2 if always else 1) * (fault is hung_up)  # the only fault after which a request may have been answered
    assert (result.usage.requests, result.usage.requests_unknown) == (len(SCRIPT) + lost, lost)
    check_invariants(result)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("fault", FAULTS)
def test_without_a_connection_the_run_goes_on_later_with_every_effect_once(
    fault: Fault, streamed: bool, backend: str, cases: Callable[[int], None]
) -> None:
    for turn in range(len(SCRIPT)):
        for always in (False, True):
            anyio.run(with_fault, fault, turn, always, streamed, backend=backend)
    cases(2 * len(SCRIPT))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_first_request_without_a_connection(fault: Fault) -> None:
    anyio.run(with_fault, fault, 0, False, True)
