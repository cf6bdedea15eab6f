"""Agents as Chat Completions endpoints: what can call a model can call an agent. Needs the extra `serve`."""

import importlib.util

from agentkit.errors import missing_extra

if importlib.util.find_spec("starlette") is None or importlib.util.find_spec("uvicorn") is None:
    raise missing_extra("agentkit.serve", "serve")

from .app import create_app, serve
from .guard import Reach
from .service import Service, pass_through

__all__ = ["Reach", "Service", "create_app", "pass_through", "serve"]
