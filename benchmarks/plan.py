"""Who is measured, at what, how often."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Client:
    """A script of `clients/` in the environment that it needs. `bare` loops and agentkit are quick: they run more."""

    name: str
    environment: str
    script: str
    variant: str = ""
    quick: bool = False


@dataclass(frozen=True)
class Task:
    """One scenario, as one process runs it: `runs` for quick clients, `peer_runs` for the others."""

    scenario: str
    runs: int
    peer_runs: int
    concurrency: int = 1
    warm: int = 5
    peer_repeats: int = 5  # at most: some take minutes

    @property
    def key(self) -> str:
        """Its name among the rows."""
        return f"{self.scenario}x{self.concurrency}"


AGENTKIT = Client("agentkit", "agentkit", "agentkit_peer.py", "stack", quick=True)
AGENTKIT_AIOHTTP = Client("agentkit, aiohttp", "agentkit", "agentkit_peer.py", "aiohttp", quick=True)
BARE = Client("bare loop, httpx", "agentkit", "bare.py", "httpx", quick=True)
BARE_AIOHTTP = Client("bare loop, httpx over aiohttp", "agentkit", "bare.py", "httpx_aiohttp", quick=True)
BARE_RAW = Client("bare loop, raw sockets", "agentkit", "bare.py", "raw", quick=True)
BARE_WITHOUT_SNIFFIO = Client("bare loop, httpx, sniffio missing", "without_sniffio", "bare.py", "httpx", quick=True)

OURS = (AGENTKIT, AGENTKIT_AIOHTTP)
LOOPS = (BARE, BARE_AIOHTTP)
PEERS = (
    Client("openai SDK, loop by hand", "openai_sdk", "openai_sdk_peer.py"),
    Client("agno", "agno", "agno_peer.py"),
    Client("strands", "strands", "strands_peer.py"),
    Client("openai-agents", "openai_agents", "openai_agents_peer.py"),
    Client("langchain", "langchain", "langchain_peer.py"),
    Client("pydantic-ai", "pydantic_ai", "pydantic_ai_peer.py"),
    Client("smolagents", "smolagents", "smolagents_peer.py"),
    Client("google-adk", "google_adk", "google_adk_peer.py"),
)
ALL = (*OURS, *LOOPS, BARE_RAW, BARE_WITHOUT_SNIFFIO, *PEERS)

LOOP = Task("loop", runs=60, peer_runs=8)
STREAM = Task("stream", runs=6, peer_runs=1, warm=1)
STREAM_SHORT = Task("stream_short", runs=20, peer_runs=3, warm=1)
LONG = Task("long", runs=4, peer_runs=1, warm=1, peer_repeats=3)
IN_FLIGHT = Task("in_flight", runs=300, peer_runs=300, concurrency=300, warm=1, peer_repeats=3)
PACED = tuple(
    Task(name, runs=1, peer_runs=1, warm=1, peer_repeats=1) for name in ("paced", "paced_first", "paced_limited")
)
TASKS = (
    LOOP,
    STREAM,
    STREAM_SHORT,
    LONG,
    *PACED,
    Task("chat", runs=200, peer_runs=20, peer_repeats=3),
    Task("parallel", runs=60, peer_runs=8, peer_repeats=3),
    Task("stream_loop", runs=30, peer_runs=4, peer_repeats=3),
    Task("loop", runs=300, peer_runs=100, concurrency=100, peer_repeats=3),
    IN_FLIGHT,
    Task("in_flight", runs=1000, peer_runs=1000, concurrency=1000, warm=1, peer_repeats=1),
)

# A fresh process imports what a program of that library begins with; the bare three are what agentkit stands on.
IMPORTS = {
    "agentkit": ("agentkit", "from agentkit import Agent, RemoteModel"),
    "agentkit, its name alone": ("agentkit", "import agentkit"),
    "pydantic, httpx, anyio": ("agentkit", "import pydantic, httpx, anyio; pydantic.BaseModel, httpx.AsyncClient"),
    "openai SDK": ("openai_sdk", "from openai import AsyncOpenAI"),
    "agno": ("agno", "from agno.agent import Agent; from agno.models.openai import OpenAIChat"),
    "strands": ("strands", "from strands import Agent, tool; from strands.models.openai import OpenAIModel"),
    "openai-agents": ("openai_agents", "from agents import Agent, Runner, OpenAIChatCompletionsModel, function_tool"),
    "langchain": ("langchain", "from langchain.agents import create_agent; from langchain_openai import ChatOpenAI"),
    "pydantic-ai": (
        "pydantic_ai",
        "from pydantic_ai import Agent; from pydantic_ai.models.openai import OpenAIChatModel",
    ),
    "smolagents": ("smolagents", "from smolagents import ToolCallingAgent, OpenAIModel, tool"),
    "google-adk": (
        "google_adk",
        "from google.adk.agents import LlmAgent; from google.adk.runners import Runner; "
        "from google.adk.models.lite_llm import LiteLlm",
    ),
}
SCHEMAS = {
    "agentkit": "agentkit",
    "pydantic-ai": "pydantic_ai",
    "openai-agents": "openai_agents",
    "langchain": "langchain",
    "strands": "strands",
    "agno": "agno",
}
