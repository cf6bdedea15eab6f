"""Where the benchmarks keep what they build and measure."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
HERE = Path(__file__).parent
CLIENTS = HERE / "clients"
WORK = ROOT / "build" / "benchmarks"  # environments, the server's binary, measured rows
DOCS = ROOT / "docs"
