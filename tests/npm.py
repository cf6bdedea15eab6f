"""Packages of npm that tests talk to; `.ci/run` installs them, and names the folder in NPM_PACKAGES."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DESCRIPTIONS = {
    "GitHub": "@octokit/openapi/generated/api.github.com.json",
    "Figma": "@figma/rest-api-spec/openapi/openapi.yaml",
    "ShipEngine": "shipengine-openapi/openapi.json",
}


def npm(path: str) -> Path:
    """A file of an installed package; without it the test is skipped with the reason."""
    folder = os.environ.get("NPM_PACKAGES")
    if not folder:
        pytest.skip("NPM_PACKAGES names no folder; `.ci/run` shows how to install the packages")
    found = Path(folder) / "node_modules" / path
    if not found.exists():
        pytest.skip(f"{path} is not installed in {folder}")
    return found
