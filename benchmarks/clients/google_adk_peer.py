"""google-adk through LiteLLM, a new in-memory session for each run."""

from __future__ import annotations

import os

os.environ.update(OTEL_SDK_DISABLED="true", LITELLM_LOCAL_MODEL_COST_MAP="True", LITELLM_TELEMETRY="False")

import litellm
import measured
import work
from google.adk.agents import LlmAgent
from google.adk.agents.run_config import RunConfig, StreamingMode
from google.adk.models.lite_llm import LiteLlm
from google.adk.runners import Runner
from google.adk.sessions import InMemorySessionService
from google.genai import types

litellm.telemetry = False
litellm.suppress_debug_info = True
litellm.REPEATED_STREAMING_CHUNK_LIMIT = 10**9  # the scenario repeats one chunk


class Client:
    def __init__(self, job: measured.Job) -> None:
        model = LiteLlm(model=f"openai/{work.MODEL}", api_base=job.base_url, api_key=work.KEY, timeout=600)
        agent = LlmAgent(name="bench", model=model, instruction=work.SYSTEM, tools=job.tools)
        self.sessions, self.stream = InMemorySessionService(), job.stream
        self.runner = Runner(agent=agent, app_name="bench", session_service=self.sessions)
        mode = StreamingMode.SSE if job.stream else StreamingMode.NONE
        self.config = RunConfig(streaming_mode=mode, max_llm_calls=job.most_turns + 5)

    async def run(self) -> str:
        session = await self.sessions.create_session(app_name="bench", user_id="u")
        message = types.Content(role="user", parts=[types.Part(text=work.PROMPT)])
        pieces, final = list[str](), ""
        run = self.runner.run_async(user_id="u", session_id=session.id, run_config=self.config, new_message=message)
        async for event in run:
            text = "".join(part.text or "" for part in (event.content.parts or ())) if event.content else ""
            if event.partial:
                pieces.append(text)
            elif text:
                final = text
        await self.sessions.delete_session(app_name="bench", user_id="u", session_id=session.id)
        return "".join(pieces) if self.stream else final


if __name__ == "__main__":
    measured.main(Client)
