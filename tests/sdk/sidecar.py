"""Starts the binary under test: the vendor simulator and the proxy, each on ports of the system's choice."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
START_SECONDS = 20.0
STOP_SECONDS = 10.0


def binary() -> Path:
    """The binary under test: `$LLM_SIDECAR_BIN`, or what `cargo build` makes."""
    path = Path(os.environ.get("LLM_SIDECAR_BIN") or ROOT / "target/debug/llm-sidecar").absolute()
    if not path.exists():
        raise RuntimeError(f"{path} does not exist: run `cargo build`, or set LLM_SIDECAR_BIN")
    return path


class Server:
    """A running subcommand; use as a context manager.

    What it logs (messages and access lines, all JSON) is read all the time, and each `listening` line fills `addresses`:
    listener -> host:port.
    """

    def __init__(self, arguments: list[str], listeners: set[str], env: dict[str, str] | None = None) -> None:
        self.addresses: dict[str, str] = {}
        self.log: list[str] = []
        self._arguments = arguments
        self._listeners = listeners
        self._env = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY")} | (env or {})
        self._ready = threading.Event()

    def __enter__(self) -> Server:
        self.process = subprocess.Popen(
            [binary(), *self._arguments], env=self._env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._ready.wait(START_SECONDS) or not self._listeners <= self.addresses.keys():
            self._stop()
            raise RuntimeError(f"`{' '.join(self._arguments)}` did not start:\n{self.log_text()}")
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def url(self, listener: str, path: str = "") -> str:
        return f"http://{self.addresses[listener]}{path}"

    def log_text(self) -> str:
        return "".join(self.log)

    def log_lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in list(self.log) if line.startswith("{")]

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.log.append(line)
            if '"listening"' in line:
                said = json.loads(line)
                self.addresses[said["listener"]] = said["address"]
                if self._listeners <= self.addresses.keys():
                    self._ready.set()
        self._ready.set()  # it ended: nobody need wait any longer

    def _stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(STOP_SECONDS)


class Simulator(Server):
    """`llm-sidecar simulate`: vendors that answer in every dialect, and misbehave on request (docs/simulator.md)."""

    def __init__(self) -> None:
        super().__init__(["simulate", "--listen", "127.0.0.1:0"], {"simulator"})


class Sidecar(Server):
    """`llm-sidecar serve` with a configuration; `listen` and `admin.listen` are added."""

    def __init__(self, config: dict[str, Any], env: dict[str, str] | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="llm-sidecar-")
        file = Path(self._folder.name) / "config.yaml"
        listen = {"listen": "127.0.0.1:0", "admin": {"listen": "127.0.0.1:0"}, "server": {"drain_delay": "0s", "drain_timeout": "2s"}}
        file.write_text(json.dumps(listen | config))  # JSON is YAML
        super().__init__(["serve", "--config", str(file)], {"data", "admin"}, env)

    def __exit__(self, *arguments: object) -> None:
        super().__exit__(*arguments)
        self._folder.cleanup()

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric family over every series that has the labels."""
        with urllib.request.urlopen(self.url("admin", "/metrics"), timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        total = 0.0
        for line in lines:
            series, _, value = line.rpartition(" ")
            if series.split("{")[0] == name and all(f'{k}="{v}"' in series for k, v in labels.items()):
                total += float(value)
        return total


def eventually(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Waits for a state that another process is about to reach."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
