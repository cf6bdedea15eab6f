"""The routes of the API page: models, and completions, whole and streamed."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from agentkit.chat import Json
from agentkit.run import TextDelta

from .answer import Chunks, Head
from .asked import Asked, read_asked, read_json
from .service import AnyAgent, Service


def routes(service: Service) -> list[Route]:
    """The routes of models and completions."""

    async def models(request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [_model(name) for name in service.agents]})

    async def complete(request: Request) -> Response:
        asked = read_asked(await read_json(request))
        name = request.path_params.get("endpoint", asked.chat.model)
        return await _complete(service, request, service.agent(name), Head(name), asked)

    return [
        Route("/v1/models", models),
        Route("/v1/chat/completions", complete, methods=["POST"]),
        Route("/v1/ai/{endpoint}/chat/completions", complete, methods=["POST"]),
    ]


def _model(name: str) -> Json:
    return {"id": name, "object": "model", "created": 0, "owned_by": "agentkit"}


async def _complete(service: Service, request: Request, agent: AnyAgent, head: Head, asked: Asked) -> Response:
    options: dict[str, Any] = {"deps": await service.deps_for(agent, request), "settings": asked.settings}
    if not asked.chat.stream:
        result = await agent.run(asked.chat.messages, **options)
        message = {"role": "assistant", "content": str(result.output), "refusal": None}
        choice: Json = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        return JSONResponse(head.completion([choice], result.usage))

    async def events() -> Any:
        chunks = Chunks(head, usage=True, obfuscation=True)
        async with agent.stream(asked.chat.messages, **options) as run:
            yield chunks.delta({"role": "assistant", "content": ""})
            async for event in run:
                if isinstance(event, TextDelta):
                    yield chunks.delta({"content": event.text}, event.choice)
            yield chunks.delta({}, finish_reason="stop")
            yield chunks.last(run.result.usage)

    return StreamingResponse(events(), media_type="text/event-stream")
