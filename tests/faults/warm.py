"""Imported by the process that others are forked from: one golden run in memory, so that none pays for first uses."""

import anyio

from agentkit import Session

from .golden import Effects, golden_agent

anyio.run(lambda: golden_agent(Effects()).run("go", session=Session()))
