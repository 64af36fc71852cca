"""The processes under comparison: how each is started, watched and stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

START_SECONDS = 20
# Of the sidecar's configuration.
MODEL = "fast"
TRANSLATED_MODEL = "claude"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """Processes that are started inside run on that core only."""
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Server:
    """A process, or a tree of them, that answers on a port."""

    def __init__(self, name: str, port: int, command: list[str], folder: Path, core: int | None) -> None:
        self.name = name
        self.address = f"127.0.0.1:{port}"
        self.port = port
        self.command = command
        self.log = folder / f"{name}.log"
        self.core = core
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, probe: bytes) -> float:
        """Starts it; the seconds until it answered `probe` with 200."""
        with self.log.open("ab") as log, pinned(self.core):
            begin = time.perf_counter()
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        while time.perf_counter() - begin < START_SECONDS:
            if self.process.poll() is not None:
                break
            if answers(self.port, probe):
                return time.perf_counter() - begin
            time.sleep(0.0005)
        said = self.log.read_text(errors="replace")[-2000:]
        self.stop()
        raise SystemExit(f"bench: {self.name} did not start: {' '.join(self.command)}\n{said}")

    def stop(self) -> None:
        """Ends it at once: the measurements are taken, and nothing of it is kept."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def pids(self) -> list[int]:
        """The process and its children."""
        if self.process is None:
            return []
        found = [self.process.pid]
        for pid in found:
            with contextlib.suppress(OSError):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    found += [int(child) for child in (task / "children").read_text().split()]
        return found

    def cpu(self) -> tuple[float, float]:
        """Seconds of CPU time so far: of the threads that live, exact; and with those that have ended, to the tick."""
        exact, coarse = 0, 0
        for pid in self.pids():
            for task in Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(OSError):
                    exact += int((task / "schedstat").read_text().split()[0])
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            coarse += int(fields[11]) + int(fields[12])
        return exact / 1e9, coarse / os.sysconf("SC_CLK_TCK")

    def cpu_since(self, before: tuple[float, float]) -> float:
        """Seconds of CPU time since: exact, unless a thread has ended."""
        exact, coarse = (now - then for now, then in zip(self.cpu(), before))
        return coarse if coarse > exact + 4 / os.sysconf("SC_CLK_TCK") else exact

    def memory(self, field: str) -> float:
        """MiB of `VmRSS` (now) or `VmHWM` (at most so far), summed over the processes."""
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                total += sum(int(line.split()[1]) for line in lines if line.startswith(field + ":"))
        return total / 1024


def answers(port: int, request: bytes) -> bool:
    """Whether a server answers a request with 200."""
    with socket.socket() as connection:
        connection.settimeout(2)
        try:
            connection.connect(("127.0.0.1", port))
            connection.sendall(request)
            return connection.recv(4096).startswith(b"HTTP/1.1 200")
        except OSError:
            return False
