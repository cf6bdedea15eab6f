"""A program: a model server that serves so many requests at a time, each for so long, and answers all others with 429.

`python tests/crowded.py PLACES SECONDS TURNS` prints its port. When its input ends it prints what it saw, as JSON: how many it served and
refused, the most it had at a time, and `used`: the part of its capacity that was used between the first request and the last answer.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time


def reply(status: str, body: object) -> bytes:
    data = json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    return head.encode() + data


def completion(turn: int, turns: int) -> bytes:
    call = {"id": f"call_{turn}", "type": "function", "function": {"name": "look", "arguments": f'{{"at":{turn}}}'}}
    last = turn == turns - 1
    message = {"role": "assistant", "content": "done" if last else None, **({} if last else {"tool_calls": [call]})}
    choice = {"index": 0, "message": message, "finish_reason": "stop" if last else "tool_calls"}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    return reply("200 OK", {"choices": [choice], "usage": usage})


class Server:
    def __init__(self, places: int, seconds: float, turns: int) -> None:
        self.places, self.seconds = places, seconds
        self.answers = [completion(turn, turns) for turn in range(turns)]
        self.refusal = reply("429 Too Many Requests", {"error": {"message": "too many at a time"}})
        self.taken = self.most = self.served = self.refused = 0
        self.first = self.last = 0.0

    def request(self, body: bytes, transport: asyncio.Transport) -> None:
        if self.taken >= self.places:
            self.refused += 1
            transport.write(self.refusal)
            return
        self.first = self.first or time.monotonic()
        self.taken += 1
        self.most = max(self.most, self.taken)
        answer = self.answers[body.count(b'"role":"tool"')]
        asyncio.get_running_loop().call_later(self.seconds, self.answer, transport, answer)

    def answer(self, transport: asyncio.Transport, answer: bytes) -> None:
        self.taken -= 1
        self.served += 1
        self.last = time.monotonic()
        transport.write(answer)

    def seen(self) -> dict[str, float]:
        used = self.served * self.seconds / self.places / max(self.last - self.first, 1e-9)
        return {"served": self.served, "refused": self.refused, "most": self.most, "used": used}


class Connection(asyncio.Protocol):
    def __init__(self, server: Server) -> None:
        self.server, self.buffer = server, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]) if found else 0
        if found and len(body) >= length:
            self.buffer = b""
            self.server.request(body, self.transport)


async def main(places: int, seconds: float, turns: int) -> None:
    seen = Server(places, seconds, turns)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(seen), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    print(json.dumps(seen.seen()), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))
