"""A pod on one machine: a network namespace for its containers, another one for the vendor, a cable between them, and as much of a kubelet
as writes a ConfigMap and runs containers.

The vendor's side stands for everything outside of the pod, the kubelet's probes too.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SDK_PYTHON = PROJECT / ".tools/python/bin/python"
POD, VENDOR = "10.77.0.1", "10.77.0.2"
ADMIN = f"{POD}:4001"


class Namespaces:
    """Two network namespaces, of which nothing is left when it ends."""

    def __init__(self) -> None:
        possible = [flags for flags in ([], ["--user", "--map-root-user"]) if not subprocess.call(["unshare", *flags, "--net", "true"])]
        if not possible:
            pytest.skip("NOT RUN: this machine lets nobody make network namespaces")
        # A user of no rights makes them in a user namespace of its own.
        self.user = possible[0][:1]
        mapped = ["--user", "--map-root-user"] if self.user else []
        self.holders = [self._hold(["unshare", *mapped, "--net"])]
        self.holders.append(self._hold([*self.inside(0), "unshare", "--net"]))
        self._run(0, "ip link add pod type veth peer name vendor")
        self._run(0, f"ip link set vendor netns {self.holders[1].pid}")
        for which, (name, address) in enumerate([("pod", POD), ("vendor", VENDOR)]):
            self._run(which, "ip link set lo up")
            self._run(which, f"ip address add {address}/24 dev {name}")
            self._run(which, f"ip link set {name} up")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for holder in self.holders:
            holder.kill()
            holder.wait()

    def inside(self, which: int) -> list[str]:
        """What a command is put behind, to run in the pod (0) or at the vendor (1)."""
        options = [*self.user, "--net", *(["--preserve-credentials"] if self.user else [])]
        return ["nsenter", "--target", str(self.holders[which].pid), *options]

    def _hold(self, command: list[str]) -> subprocess.Popen[bytes]:
        # `cat` says by a line that the namespace is there, and ends with this process at the latest.
        holder = subprocess.Popen([*command, "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert holder.stdout and holder.stdout.readline(), "namespaces cannot be made here"
        return holder

    def _run(self, which: int, command: str) -> None:
        subprocess.run([*self.inside(which), *command.split()], check=True, capture_output=True)


class Container:
    """A process in the pod or at the vendor, with no environment but its own."""

    def __init__(
        self, namespaces: Namespaces, which: int, command: list[str | Path], env: dict[str, str] | None = None, log: Path | None = None,
    ) -> None:
        # What is logged goes to a file, as a container's output does: a pipe that nobody reads would fill up.
        with open(log or os.devnull, "w") as file:
            self.process = subprocess.Popen(
                [*namespaces.inside(which), *command], env={"PATH": os.environ["PATH"], **(env or {})},
                stdin=subprocess.DEVNULL, stdout=file if log else subprocess.PIPE, stderr=file if log else sys.stderr, text=True)

    def line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline()

    def signal(self, which: int = signal.SIGTERM) -> None:
        self.process.send_signal(which)

    def finish(self) -> tuple[int, str]:
        out, _ = self.process.communicate(timeout=60)
        return self.process.returncode, out


class ConfigMap:
    """A folder as the kubelet writes it: each version in a folder of its own, and a link to the newest that is replaced at once."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.generation = folder, 0
        folder.mkdir(parents=True)

    def write(self, files: dict[str, str]) -> None:
        self.generation += 1
        old = self.folder / f"..generation_{self.generation - 1}"
        new = self.folder / f"..generation_{self.generation}"
        new.mkdir()
        for name, text in files.items():
            (new / name).write_text(text)
        (self.folder / "..data_tmp").symlink_to(new.name)
        (self.folder / "..data_tmp").rename(self.folder / "..data")
        for name in files:
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
        if old.exists():
            for file in old.iterdir():
                file.unlink()
            old.rmdir()


def environment(container: dict[str, Any]) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container.get("env", [])}
