"""The fake model server: built from fakechat.c, 10 to 20 µs of CPU a request, so that clients are what is measured."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from .places import HERE, WORK


class NoCompiler(Exception):
    """There is nothing to build the server with."""


@contextmanager
def server() -> Iterator[str]:
    """The server's URL, as long as the block lasts. Raises NoCompiler."""
    source, binary = HERE / "fakechat.c", WORK / "fakechat"
    if not binary.exists() or binary.stat().st_mtime < source.stat().st_mtime:
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None:
            raise NoCompiler("the benchmarks build a small server in C: install gcc (apt-get install gcc libc6-dev)")
        WORK.mkdir(parents=True, exist_ok=True)
        subprocess.run([compiler, "-O2", "-Wno-format-overflow", "-o", str(binary), str(source)], check=True)
    process = subprocess.Popen([binary, "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()
