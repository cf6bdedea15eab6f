"""Stored completions: what was asked for with `store`, to be listed, read, described and deleted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agentkit.chat import ChatRequest, ImagePart, Json, Message, UserMessage
from agentkit.chat.request import STORED_IMAGE

from .asked import read_json, read_metadata
from .failure import Refusal
from .service import ID, Service

_KIND = "completions"
_KEY = re.compile(r"metadata\[([^\]]{1,64})\]\Z")


def routes(service: Service) -> list[Route]:
    """The routes of stored completions."""

    async def listed(request: Request) -> Response:
        return JSONResponse(_page(request).of(await _found(service, request), "created"))

    async def messages(request: Request) -> Response:
        messages: Any = (await _rows(service, request, request.path_params["id"]))[1]
        return JSONResponse(_page(request).of(messages, None))

    async def one(request: Request) -> Response:
        id = request.path_params["id"]
        rows = await _rows(service, request, id)
        name = service.journal(request, _KIND, id)
        if request.method == "DELETE":
            await service.store.delete(name)
            return JSONResponse({"object": "chat.completion.deleted", "id": id, "deleted": True})
        if request.method == "POST":
            metadata = read_metadata(await read_json(request))
            await service.store.append(name, len(rows), [to_json(metadata)])
            rows.append(metadata)
        return JSONResponse(_completion(rows))

    path = "/v1/chat/completions/{id}"
    return [
        Route("/v1/chat/completions", listed, methods=["GET"]),
        Route(path, one, methods=["GET", "POST", "DELETE"]),
        Route(f"{path}/messages", messages),
    ]


async def keep(service: Service, request: Request, completion: Json, chat: ChatRequest) -> None:
    """Store an answer and the messages it answered; the metadata may be changed later."""
    id: str = completion["id"]
    messages = [_message(f"{id}-{n}", message) for n, message in enumerate(chat.messages)]
    rows = [to_json(row) for row in (completion, messages, chat.metadata or {})]
    await service.store.append(service.journal(request, _KIND, id), 0, rows)


@dataclass(frozen=True)
class _Page:
    """Which part of a list is asked for."""

    after: str | None
    limit: int
    descending: bool

    def of(self, rows: Sequence[Json], key: str | None) -> Json:
        """The part, as lists of the API are."""
        ordered = sorted(rows, key=lambda row: row[key]) if key else list(rows)
        if self.descending:
            ordered.reverse()
        ids = [row["id"] for row in ordered]
        if self.after is not None and self.after not in ids:
            raise Refusal(404, "nothing in this list has that id", param="after", code="not_found")
        start = ids.index(self.after) + 1 if self.after is not None else 0
        data = ordered[start : start + self.limit]
        first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
        more = len(ordered) > start + len(data)
        return {"object": "list", "data": data, "first_id": first, "last_id": last, "has_more": more}


def _page(request: Request) -> _Page:
    query = request.query_params
    limit, order = query.get("limit", "20"), query.get("order", "asc")
    if not limit.isdecimal() or not limit.isascii() or not 1 <= int(limit[:9]) <= 100:
        raise Refusal(400, "limit is a whole number from 1 to 100", param="limit", code="invalid_value")
    if order not in ("asc", "desc"):
        raise Refusal(400, "order is asc or desc", param="order", code="invalid_value")
    return _Page(query.get("after"), int(limit), order == "desc")


async def _found(service: Service, request: Request) -> list[Json]:
    """The owner's completions that fit the query's model and metadata."""
    query, prefix = request.query_params, f"{service.owner(request)}/{_KIND}/"
    wanted = {match[1]: value for name, value in query.items() if (match := _KEY.match(name))}
    found: list[Json] = []
    for name in await service.store.journals():
        rows = await service.store.load(name) if name.startswith(prefix) else []
        if not rows:
            continue
        completion = _completion([from_json(row) for row in rows])
        if "model" in query and completion["model"] != query["model"]:
            continue
        if wanted.items() <= completion["metadata"].items():
            found.append(completion)
    return found


async def _rows(service: Service, request: Request, id: str) -> list[Any]:
    """The completion, its messages, and its metadata, the newest last."""
    rows = await service.store.load(service.journal(request, _KIND, id)) if ID.match(id) else []
    if not rows:
        raise Refusal(404, f"there is no stored completion {id!r}", param="completion_id", code="not_found")
    return [from_json(row) for row in rows]


def _completion(rows: Sequence[Any]) -> Json:
    completion: Json = {**rows[0], "metadata": rows[-1]}
    return completion


def _message(id: str, message: Message) -> Json:
    body = {"id": id, **message.to_json()}
    if isinstance(message, UserMessage) and not isinstance(message.content, str):
        kept = [part.to_json() for part in message.content if not (isinstance(part, ImagePart) and _too_large(part))]
        body |= {"content": None, "content_parts": kept}
    return body


def _too_large(image: ImagePart) -> bool:
    """Whether an image in a data URL is over what is stored."""
    url = image.image_url.url
    return url.startswith("data:") and len(url) * 3 // 4 > STORED_IMAGE
