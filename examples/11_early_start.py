"""A message with four calls streams slowly; tools that only read start while it streams. Draws both timelines.

`python 11_early_start.py [timeline.svg]`: the model's server is a small one in this program, so that its pace is known.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from agentkit import Agent, RemoteModel, tool

STREAMING = 0.15  # seconds that the arguments of one call take
WORK = {"the archive": 1.2, "the web": 0.3, "the mail": 0.3, "the notes": 0.3}  # seconds that a search takes
# Nothing can be faster: the arguments of a call must have come, then its search takes its time.
CRITICAL = max(STREAMING * place + seconds for place, seconds in enumerate(WORK.values(), 1))


@dataclass
class Bar:
    """Something that took its time, in seconds since the run began."""

    label: str
    start: float
    end: float = 0.0


class Timeline:
    """What one run did when."""

    def __init__(self, title: str) -> None:
        self.title, self.bars, self._begin = title, list[Bar](), time.perf_counter()

    def begin(self, label: str) -> Bar:
        """Something begins now; `end` is set when it is over."""
        self.bars.append(bar := Bar(label, self.now()))
        return bar

    def now(self) -> float:
        """Seconds since the beginning."""
        return time.perf_counter() - self._begin

    @property
    def length(self) -> float:
        """Seconds of the whole run."""
        return max(bar.end for bar in self.bars)


timeline = Timeline("")


@tool(effect="read")
async def search(place: str) -> str:
    """Search one place.

    Args:
        place: Where to look.
    """
    bar = timeline.begin(f"searching {place}")
    await asyncio.sleep(WORK[place])
    bar.end = timeline.now()
    return f"found in {place}"


def event(delta: dict[str, object], reason: str | None = None) -> bytes:
    """One server-sent event of a streamed answer."""
    chunk = {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
    return f"data: {json.dumps(chunk)}\n\n".encode()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The model: asks for the four searches, a call each 150 ms, then answers."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    request = json.loads(await reader.readexactly(int(head.partition("content-length: ")[2].split("\r\n")[0])))
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
    if request["messages"][-1]["role"] == "tool":
        writer.write(event({"content": "All four were searched."}) + event({}, "stop") + b"data: [DONE]\n\n")
    else:
        for index, place in enumerate(WORK):
            bar = timeline.begin(f"streaming call {index + 1}")
            call = {"index": index, "id": f"call_{index}", "type": "function"}
            writer.write(event({"tool_calls": [{**call, "function": {"name": "search", "arguments": ""}}]}))
            await asyncio.sleep(STREAMING)
            arguments = {"index": index, "function": {"arguments": json.dumps({"place": place})}}
            writer.write(event({"tool_calls": [arguments]}))
            bar.end = timeline.now()
        writer.write(event({}, "tool_calls") + b"data: [DONE]\n\n")
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def measured(base_url: str, title: str, early_start: bool) -> Timeline:
    """One run, and when everything in it happened."""
    global timeline
    agent = Agent(RemoteModel("slow", base_url=base_url), tools=[search], early_start=early_start)
    timeline = Timeline(title)
    async with agent.stream("Search everywhere.") as run:
        result = await run.finish()
    assert result.output == "All four were searched."
    return timeline


def drawn(timelines: list[Timeline]) -> str:
    """The timelines as an SVG picture."""
    scale, row = 320, 22  # pixels a second, and a bar
    lines: list[str] = []
    y = 10
    for line in timelines:
        lines.append(f'<text x="10" y="{y + 15}" font-weight="bold">{line.title}: {line.length:.2f} s</text>')
        for bar in sorted(line.bars, key=lambda bar: bar.label, reverse=True):
            y += row
            x, width = 180 + bar.start * scale, (bar.end - bar.start) * scale
            color = "#8fb8de" if bar.label.startswith("streaming") else "#e08e45"
            lines.append(f'<text x="10" y="{y + 15}">{bar.label}</text>')
            lines.append(f'<rect x="{x:.1f}" y="{y + 3}" width="{width:.1f}" height="16" fill="{color}"/>')
        y += 2 * row
    x = 180 + CRITICAL * scale
    lines.append(f'<line x1="{x}" x2="{x}" y1="10" y2="{y - row}" stroke="#b00" stroke-dasharray="4"/>')
    lines.append(f'<text x="{x - 4}" y="{y - 6}" text-anchor="end">critical path {CRITICAL:.2f} s</text>')
    frame = f'<svg xmlns="http://www.w3.org/2000/svg" width="820" height="{y + 5}" font-family="sans-serif"'
    return f'{frame} font-size="13"><rect width="100%" height="100%" fill="white"/>{"".join(lines)}</svg>\n'


async def both() -> list[Timeline]:
    """The same run twice: calls after the whole message, then each as soon as its arguments are complete."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    await measured(base_url, "the first run imports what it needs, and is not shown", early_start=True)
    timelines = [
        await measured(base_url, "after the message", early_start=False),
        await measured(base_url, "early start", early_start=True),
    ]
    server.close()
    return timelines


def main() -> None:
    timelines = asyncio.run(both())
    for line in timelines:
        print(f"{line.title}: {line.length:.2f} s")
        for bar in line.bars:
            print(f"  {bar.start:5.2f} to {bar.end:5.2f} s  {bar.label}")
    print(f"critical path: {CRITICAL:.2f} s")
    picture = Path(sys.argv[1] if len(sys.argv) > 1 else "timeline.svg")
    picture.write_text(drawn(timelines))
    print(f"drawn in {picture.name}")


if __name__ == "__main__":
    main()
