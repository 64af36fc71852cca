"""What is measured. Every measure is taken of one proxy after the other in each round, and where it can be, in many short laps, so
that what disturbs the machine disturbs all of them alike."""

from __future__ import annotations

import json
import math
import statistics
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import proxies
import scaling
import secure
from proxies import MODEL, TRANSLATED_MODEL, Server


@dataclass(frozen=True)
class Scale:
    """How long and how much."""

    seconds: float
    warm_up: float
    streams: int
    many_streams: int
    # Of the group `scale_streams`; fewer where the limit of open files does not allow them.
    most_streams: int


# The proxies take so many turns for what a round measures of requests: a shared machine's speed changes from second to second.
LAPS = 8
# As many for slow streams, whose latencies are those of the middle turn: a pause of the machine's is a whole turn's 99th percentile.
SLOW_LAPS = 3
# Load before the window of each lap but the round's first one, in seconds: connections are opened in it.
LAP_WARM_UP = 0.1

FULL = Scale(seconds=2.0, warm_up=0.4, streams=1000, many_streams=5000, most_streams=10_000)
QUICK = Scale(seconds=0.7, warm_up=0.2, streams=300, many_streams=1000, most_streams=2000)

# Name: what it says in the table, unit, digits behind the point.
ROWS = {
    "request_1k": ("CPU per relayed 1-KB request", "us", 1),
    "request_100k": ("CPU per relayed 100-KB request", "us", 1),
    "stream": ("CPU per relayed 64-chunk stream, back to back", "us", 0),
    "slow_chunk": ("CPU per relayed chunk, slow streams", "us", 1),
    "translated_request": ("CPU per translated 1-KB request (nginx: relayed)", "us", 1),
    "translated_stream": ("CPU per translated 64-chunk stream (nginx: relayed)", "us", 0),
    "requests_per_second": ("1-KB requests per second", "/s", 0),
    "streams_per_second": ("64-chunk streams per second", "/s", 0),
    "added_p50": ("added latency, one client, p50", "us", 0),
    "added_p99": ("added latency, one client, p99", "us", 0),
    "lag_p50": ("chunk lag, slow streams, p50", "us", 0),
    "lag_p99": ("chunk lag, slow streams, p99", "us", 0),
    "rss_streams": ("peak RSS, slow streams", "MiB", 1),
    "rss_many_streams": ("peak RSS, many streams", "MiB", 1),
    "per_stream": ("memory per open stream, many streams", "KiB", 1),
    "rss_idle": ("RSS when idle", "MiB", 1),
    "ready": ("start to first answer", "ms", 1),
    "binary": ("binary", "MiB", 1),
} | scaling.ROWS | secure.ROWS
# Who can translate.
SIDECARS = ("sidecar", "other")
# What is measured unless --only says otherwise, and the rows each gives.
DEFAULT_GROUPS = {
    "start": ("rss_idle", "ready", "binary"),
    "request_1k": ("request_1k", "requests_per_second"),
    "request_100k": ("request_100k",),
    "stream": ("stream", "streams_per_second"),
    "translated": ("translated_request", "translated_stream"),
    "latency": ("added_p50", "added_p99"),
    "slow": ("slow_chunk", "lag_p50", "lag_p99"),
    "memory": ("rss_streams", "rss_many_streams", "per_stream"),
}
# What --only can name.
GROUPS = DEFAULT_GROUPS | scaling.GROUPS | secure.GROUPS


@dataclass
class Bench:
    """The proxies and what was measured of them."""

    tool: Path
    upstream: Server
    servers: list[Server]
    scale: Scale
    load_core: int | None
    probe: bytes
    # values[row][proxy] has one value for each round.
    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def add(self, row: str, name: str, value: float) -> None:
        self.values.setdefault(row, {}).setdefault(name, []).append(value)

    def load(self, server: Server, kind: str, **options: object) -> dict:
        """Runs the load generator against a server."""
        given = {"to": server.address, "kind": kind, "model": MODEL, "seconds": self.scale.seconds, "warm_up": self.scale.warm_up}
        given |= {"watch": ",".join(map(str, server.pids()))} | options
        command = [str(self.tool), "load", *(f"{name}={value}" for name, value in given.items())]
        with proxies.pinned(self.load_core):
            ran = subprocess.run(command, capture_output=True, text=True, check=False)
        what = f"{server.name}: {kind} {options}"
        if ran.returncode != 0:
            self.errors.append(f"{what}: {ran.stderr.strip()}")
            return {}
        report = json.loads(ran.stdout)
        if report["errors"]:
            self.errors.append(f"{what}: {report['errors']} answers were wrong or broken, the first one: {report['error']}")
        return report if report["count"] else {}

    def laps(self, servers: list[Server], asked: Callable[[Server], dict]) -> dict[str, dict]:
        """What a measured time of load took of each server, all of them together: in laps, each in another order. `asked` says what of."""
        totals: dict[str, dict] = {}
        for lap in range(LAPS):
            turn = lap % len(servers)
            for server in servers[turn:] + servers[:turn]:
                warm_up = LAP_WARM_UP if lap else self.scale.warm_up
                report = self.load(server, connections=32, seconds=self.scale.seconds / LAPS, warm_up=warm_up, **asked(server))
                total = totals.setdefault(server.name, {"count": 0, "cpu_us": 0.0, "seconds": 0.0})
                for name in total:
                    total[name] += report.get(name, math.nan)
        return totals

    def requests(self, group: str, order: list[Server]) -> None:
        """A group that is measured in laps."""
        options = {"kind": "stream" if group == "stream" else "plain"} | ({"bytes": 100 * 1024} if group == "request_100k" else {})
        rate = next((row for row in DEFAULT_GROUPS[group] if row.endswith("_per_second")), None)
        servers = [self.upstream, *order] if rate else order
        for name, total in self.laps(servers, lambda _: options).items():
            if name != self.upstream.name:
                self.add(group, name, total["cpu_us"] / total["count"])
            if rate:
                self.add(rate, name, total["count"] / total["seconds"])

    def translated(self, order: list[Server]) -> None:
        """What is translated, and in the same laps what nginx relays as it is: there is no such proxy to hold it against."""
        servers = [server for server in order if server.name in ("nginx", *SIDECARS)]
        for row, relayed, translated in (("translated_request", "plain", "plain"), ("translated_stream", "stream", "translated")):
            own = {"kind": translated, "model": TRANSLATED_MODEL}
            for name, total in self.laps(servers, lambda server: own if server.name in SIDECARS else {"kind": relayed}).items():
                self.add(row, name, total["cpu_us"] / total["count"])

    def slow(self, order: list[Server]) -> None:
        """Many slow streams at once, in turns."""
        servers = [self.upstream, *order]
        reports: dict[str, list[dict]] = {}
        for lap in range(SLOW_LAPS):
            turn = lap % len(servers)
            for server in servers[turn:] + servers[:turn]:
                report = self.held(server, self.scale.streams, 100, self.scale.seconds)
                reports.setdefault(server.name, []).append(report)
        for name, taken in reports.items():
            for row, key in (("lag_p50", "p50_us"), ("lag_p99", "p99_us")):
                self.add(row, name, statistics.median(report.get(key, math.nan) for report in taken))
            if name != self.upstream.name:
                cpu, count = (sum(report.get(key, math.nan) for report in taken) for key in ("cpu_us", "count"))
                self.add("slow_chunk", name, cpu / count)

    def held(self, server: Server, streams: int, slow: int, seconds: float, opened_in_a_second: int = 2000) -> dict:
        """Opens many slow streams and keeps them open for the measured time."""
        ramp = max(1.0, streams / opened_in_a_second)
        # They go on for as long as it may take to open the last one.
        chunks = math.ceil((2 * ramp + 1.5 + seconds) * 1000 / slow)
        return self.load(server, "held", connections=streams, slow=slow, chunks=chunks, seconds=seconds, ramp=ramp)

    def round(self, groups: list[str], number: int) -> None:
        """Takes every measure of every proxy once. Who comes first changes from round to round."""
        turn = number % len(self.servers)
        order = self.servers[turn:] + self.servers[:turn]
        for server in order:
            if server.process is None or "start" in groups or "memory" in groups:
                self.start(server, "start" in groups)
        for group in (g for g in groups if g != "start"):
            if group not in DEFAULT_GROUPS:
                (scaling if group in scaling.GROUPS else secure).take(self, group, order)
                continue
            if group in ("request_1k", "request_100k", "stream"):
                self.requests(group, order)
                continue
            if group == "translated":
                self.translated(order)
                continue
            if group == "slow":
                self.slow(order)
                continue
            direct: dict[str, float] = {}
            if group == "latency":
                report = self.load(self.upstream, "plain", connections=1)
                direct = {"p50": report.get("p50_us", math.nan), "p99": report.get("p99_us", math.nan)}
                self.add("added_p50", "direct", direct["p50"])
                self.add("added_p99", "direct", direct["p99"])
            for server in order:
                self.take(group, server, direct)

    def start(self, server: Server, measured: bool) -> None:
        """Starts a proxy afresh."""
        server.stop()
        seconds = server.start(self.probe)
        if measured:
            self.add("ready", server.name, seconds * 1000)
            self.add("rss_idle", server.name, server.memory("VmRSS"))
            self.add("binary", server.name, Path(server.command[0]).stat().st_size / 2**20)

    def cpu(self, row: str, server: Server, report: dict) -> None:
        self.add(row, server.name, report["cpu_us"] / report["count"] if report else math.nan)

    def take(self, group: str, server: Server, direct: dict[str, float]) -> None:
        name = server.name
        if group == "latency":
            report = self.load(server, "plain", connections=1)
            self.add("added_p50", name, report.get("p50_us", math.nan) - direct["p50"])
            self.add("added_p99", name, report.get("p99_us", math.nan) - direct["p99"])
        elif group == "memory":
            # A fresh process: its peak is that of these streams alone.
            server.stop()
            server.start(self.probe)
            idle = server.memory("VmRSS")
            self.held(server, self.scale.streams, 200, 1.0)
            self.add("rss_streams", name, server.memory("VmHWM"))
            self.held(server, self.scale.many_streams, 500, 1.0)
            peak = server.memory("VmHWM")
            self.add("rss_many_streams", name, peak)
            self.add("per_stream", name, (peak - idle) * 1024 / self.scale.many_streams)
