"""Who writes to a journal on this machine, and whether that process still lives."""

from __future__ import annotations

import os
import socket
import uuid
from dataclasses import dataclass
from pathlib import Path

_LIVING: set[str] = set()  # the runs of this process that hold a journal


@dataclass(frozen=True)
class Owner:
    """A run of a process: the process's number is used again after its end, so its start time tells it apart."""

    run: str
    host: str
    pid: int
    started: str

    def lives(self) -> bool:
        """Whether the run may still act. One on another host may."""
        if self.host != _host():
            return True
        if self.pid == os.getpid() and self.started == _started(self.pid):
            return self.run in _LIVING
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # it lives, and is somebody else's
        return self.started == _started(self.pid)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host.partition(' ')[0]}"


def new_owner() -> Owner:
    """A run of this process that lives until `forget`."""
    owner = Owner(uuid.uuid4().hex, _host(), os.getpid(), _started(os.getpid()))
    _LIVING.add(owner.run)
    return owner


def forget(owner: Owner) -> None:
    """The run is over."""
    _LIVING.discard(owner.run)


def _host() -> str:
    """This machine and its boot: after a restart, none of its processes lives."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        boot = ""
    return f"{socket.gethostname()} {boot}"


def _started(pid: int) -> str:
    """When a process began, in the kernel's ticks; empty where that cannot be read."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if after_name[0] == "Z" else after_name[19]
