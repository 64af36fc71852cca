"""How cost grows: with open streams, with the size of bodies, and with the size of the configuration."""

from __future__ import annotations

import http.client
import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING

import proxies
from configs import GUARDS
from proxies import MODEL, Server

if TYPE_CHECKING:
    from measures import Bench

# Open streams: their number (0: the most that fit), the pause between chunks of one stream in ms, what the table calls them.
# The pause grows with them, so that the load generator and its core keep up: at most 5,000 chunks a second in all.
STREAMS = {
    "1": (1, 5, "1 open stream"),
    "100": (100, 50, "100 open streams"),
    "1000": (1000, 200, "1,000 open streams"),
    "most": (0, 2000, "as many open streams as fit"),
}
# Bodies: bytes, requests at once (fewer of large ones, as the load generator has one thread), and the table's words.
BODIES = {
    "1k": (1 << 10, 32, "1 KB"),
    "10k": (10 << 10, 32, "10 KB"),
    "100k": (100 << 10, 32, "100 KB"),
    "1m": (1 << 20, 8, "1 MB"),
    "10m": (10 << 20, 4, "10 MB"),
}
# Configurations: providers and aliases. They take the place of the proxies in a table of their own.
CONFIGS = {
    "1 provider, 2 aliases": (1, 2),
    "1,000 providers": (1000, 2),
    "1,000 providers, 10,000 aliases": (1000, 10_000),
}
# A change is in force this soon, or reloading does not work.
RELOAD_SECONDS = 20.0
# What follows a change that is in force has ended by then.
SETTLE_SECONDS = 0.5

ROWS = (
    {f"open_cpu_{key}": (f"CPU per relayed chunk, {label}", "us", 1) for key, (_, _, label) in STREAMS.items()}
    | {f"open_lag_{key}": (f"chunk lag, {label}, p99", "us", 0) for key, (_, _, label) in STREAMS.items()}
    | {f"open_rss_{key}": (f"peak RSS, {label}", "MiB", 1) for key, (_, _, label) in STREAMS.items()}
    | {f"body_{key}": (f"CPU per relayed request, body of {label}", "us", 1) for key, (_, _, label) in BODIES.items()}
)
CONFIG_ROWS = {
    "config_ready": ("start to first answer", "ms", 1),
    "config_rss": ("RSS when idle", "MiB", 1),
    "config_reload": ("change of the file to first answer by it", "ms", 0),
    "config_reload_cpu": ("CPU of a reload", "ms", 1),
    "config_request": ("CPU per relayed 1-KB request", "us", 1),
}
GROUPS = {
    "scale_streams": tuple(row for row in ROWS if row.startswith("open_")),
    "scale_bodies": tuple(row for row in ROWS if row.startswith("body_")),
    "scale_config": tuple(CONFIG_ROWS),
}


def take(bench: Bench, group: str, order: list[Server]) -> None:
    """Takes a group's measures once."""
    if group == "scale_config":
        configurations(bench)
        return
    for key in STREAMS if group == "scale_streams" else BODIES:
        for server in order:
            (streams if group == "scale_streams" else body)(bench, server, key)


def streams(bench: Bench, server: Server, key: str) -> None:
    number, pause, _ = STREAMS[key]
    # A fresh process: its peak is that of these streams alone.
    bench.start(server, False)
    # Each stream sends at least one chunk within the window.
    seconds = max(bench.scale.seconds, pause / 1000)
    # Opened slowly, so that the window does not see the proxy still at it.
    report = bench.held(server, number or bench.scale.most_streams, pause, seconds, opened_in_a_second=1000)
    bench.cpu(f"open_cpu_{key}", server, report)
    bench.add(f"open_lag_{key}", server.name, report.get("p99_us", math.nan))
    bench.add(f"open_rss_{key}", server.name, server.memory("VmHWM"))


def body(bench: Bench, server: Server, key: str) -> None:
    size, connections, _ = BODIES[key]
    bench.cpu(f"body_{key}", server, bench.load(server, "plain", connections=connections, bytes=size))


def configurations(bench: Bench) -> None:
    sidecar = next(server for server in bench.servers if server.name == "sidecar")
    for name, (providers, aliases) in CONFIGS.items():
        file = sidecar.log.with_name("scaled") / "sidecar.yaml"
        file.parent.mkdir(exist_ok=True)
        server = Server(f"scaled-{providers}-{aliases}", proxies.free_port(), [*sidecar.command[:-1], str(file)], sidecar.log.parent, sidecar.core)
        admin = proxies.free_port()

        def write(change: str) -> None:
            replaced = file.with_suffix(".new")
            replaced.write_text(configuration(server.port, admin, bench.upstream.address, providers, aliases, change))
            replaced.rename(file)

        write("first")
        try:
            bench.add("config_ready", name, server.start(bench.probe) * 1000)
            bench.add("config_rss", name, server.memory("VmRSS"))
            report = bench.load(server, "plain", connections=32)
            bench.add("config_request", name, report["cpu_us"] / report["count"] if report else math.nan)
            # What loading needed once is not the reload's.
            time.sleep(SETTLE_SECONDS)
            begin = time.perf_counter()
            write("second")
            bench.add("config_reload", name, in_force(server, "second", begin, 0.002, bench) * 1000)
            time.sleep(SETTLE_SECONDS)
            # Once more, with few questions, as they take CPU time too.
            before = server.cpu()
            write("third")
            in_force(server, "third", time.perf_counter(), 0.5, bench)
            time.sleep(SETTLE_SECONDS)
            bench.add("config_reload_cpu", name, server.cpu_since(before) * 1000)
        finally:
            server.stop()


def in_force(server: Server, change: str, begin: float, pause: float, bench: Bench) -> float:
    """The seconds from `begin` until the alias that a change brings is answered; asked for after each `pause`."""
    request = json.dumps({"model": change, "messages": [{"role": "user", "content": "Hello."}]})
    while (passed := time.perf_counter() - begin) < RELOAD_SECONDS:
        time.sleep(pause)
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        try:
            connection.request("POST", "/v1/chat/completions", request, {"content-type": "application/json"})
            answer = connection.getresponse()
            answer.read()
        finally:
            connection.close()
        if answer.status == 200:
            return time.perf_counter() - begin
        if answer.status != 404:
            bench.errors.append(f"{server.name}: an alias that is not there yet was answered with {answer.status}")
            return math.nan
    bench.errors.append(f"{server.name}: a change of the file was not in force after {passed:.0f} s")
    return math.nan


def configuration(port: int, admin: int, upstream: str, providers: int, aliases: int, change: str) -> str:
    """A configuration with so many providers and aliases, and one alias more that is named like the change. What the load
    asks for is in the middle."""
    lines = [f"listen: 127.0.0.1:{port}", f"admin: {{listen: 127.0.0.1:{admin}}}", "providers:"]
    for number in range(providers):
        lines += [
            f"  provider-{number}:",
            "    type: openai",
            f"    base_url: http://{upstream}/v1",
            f"    api_key: sk-bench-{number:016}",
            "    models: [gpt-4o-mini]",
            "    timeout: {connect: 5s, first_token: 60s, idle: 60s, total: 10m}",
            "    retry: {attempts: 3, backoff: 100ms..2s, budget: 20%}",
            f"    {GUARDS}",
        ]
    lines.append("models:")
    names = [f"alias-{number}" for number in range(aliases - 1)]
    names.insert(len(names) // 2, MODEL)
    for number, name in enumerate(names):
        provider = providers // 2 if name == MODEL else number % providers
        lines.append(f"  {name}: {{targets: [{{provider: provider-{provider}, model: gpt-4o-mini}}]}}")
    lines.append(f"  {change}: {{targets: [{{provider: provider-0, model: gpt-4o-mini}}]}}")
    return "\n".join(lines) + "\n"
