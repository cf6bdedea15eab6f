"""Agents as Chat Completions endpoints: what can call a model can call an agent. Needs the extra `serve`."""

import importlib.util

if importlib.util.find_spec("starlette") is None or importlib.util.find_spec("uvicorn") is None:
    raise ImportError("agentkit.serve needs the extra `serve`: pip install -e '.[serve]'")

from .app import create_app, serve
from .guard import Reach
from .service import Service, pass_through

__all__ = ["Reach", "Service", "create_app", "pass_through", "serve"]
