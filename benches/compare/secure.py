"""TLS and HTTP/2 towards the upstream: what they cost, and how connections and sessions are used again, told by the upstream's counts."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import configs
import proxies
from proxies import Server

if TYPE_CHECKING:
    from measures import Bench

# Of the upstream that closes its connections: answers on each one.
ANSWERS = 20
COUNTS = {"requests": "requests", "connections": "connections", "full": "full handshakes", "resumed": "resumed handshakes"}


@dataclass(frozen=True)
class Case:
    """A kind of upstream."""

    label: str
    # What is sent through each proxy: the row's name, the load's kind and the row's words.
    loads: tuple[tuple[str, str], ...]
    http2: bool = False
    closes: int = 0


REQUEST = ("request", "CPU per relayed 1-KB request")
STREAM = ("stream", "CPU per relayed 64-chunk stream, back to back")
CASES = {
    "tls": Case("TLS upstream", (REQUEST, STREAM)),
    "tls_closing": Case(f"TLS upstream, {ANSWERS} requests a connection", (REQUEST,), closes=ANSWERS),
    "http2": Case("HTTP/2 upstream (nginx: HTTP/1.1)", (REQUEST, STREAM), http2=True),
}
GROUP_CASES = {"tls": ("tls", "tls_closing"), "http2": ("http2",)}


def rows(key: str) -> dict[str, tuple[str, str, int]]:
    case = CASES[key]
    costs = {f"{key}_{name}": (f"{words}, {case.label}", "us", 1 if name == "request" else 0) for name, words in case.loads}
    counts = COUNTS | ({"requests": "streams (nginx: requests)"} if case.http2 else {})
    return costs | {count_row(key, count): (f"{words}, {case.label}", "count", 0) for count, words in counts.items()}


def count_row(key: str, count: str) -> str:
    return f"{key}_{count}"


ROWS = {name: row for key in CASES for name, row in rows(key).items()}
GROUPS = {group: tuple(row for key in cases for row in rows(key)) for group, cases in GROUP_CASES.items()}
# A count has no ratio: the faster a proxy is, the more it is asked.
COUNT_ROWS = {count_row(key, count) for key in CASES for count in COUNTS}


def take(bench: Bench, group: str, order: list[Server]) -> None:
    """Takes a group's measures once."""
    for key in GROUP_CASES[group]:
        measure(bench, key, CASES[key], [server.name for server in order])


def measure(bench: Bench, key: str, case: Case, order: list[str]) -> None:
    """Starts an upstream and proxies in front of it, and sends each one its load."""
    sidecar = next(server for server in bench.servers if server.name == "sidecar")
    folder = sidecar.log.parent / key
    folder.mkdir(exist_ok=True)
    upstream, ca, counts = start(bench, case, folder)
    try:
        variants = [name for name in order if name in configs.VARIANTS]
        made = configs.make(Path(sidecar.command[0]), configs.Upstream(upstream, ca, case.http2), folder, sidecar.core, variants)
        for server in sorted(made, key=lambda server: order.index(server.name)):
            before = ask(counts)
            asked = 0
            try:
                server.start(bench.probe)
                for name, _ in case.loads:
                    report = bench.load(server, "plain" if name == "request" else name, connections=32)
                    bench.cpu(f"{key}_{name}", server, report)
                    asked += report.get("count", 0)
            finally:
                server.stop()
            after = ask(counts)
            check(bench, key, server.name, asked, {name: after[name] - before[name] for name in after})
    finally:
        counts.stop()


def check(bench: Bench, key: str, name: str, asked: int, seen: dict[str, int]) -> None:
    """Notes what the upstream saw of a proxy, and that it is what was wanted."""
    for count in COUNTS:
        bench.add(count_row(key, count), name, seen[count])
    faults = []
    if seen["failed"] or seen["full"] + seen["resumed"] != seen["connections"]:
        faults.append("handshakes failed")
    if seen["requests"] < asked:
        faults.append("requests came past the upstream")
    wanted = seen["connections"] if CASES[key].http2 and name != "nginx" else 0
    if seen["http2"] != wanted:
        faults.append(f"{wanted} connections should have been HTTP/2")
    bench.errors += [f"{name}, {CASES[key].label}: {fault}: {seen}" for fault in faults]


def start(bench: Bench, case: Case, folder: Path) -> tuple[str, Path, Server]:
    """An upstream: its address, the certificate to trust, and the server that tells its counts."""
    address, port = f"127.0.0.1:{proxies.free_port()}", proxies.free_port()
    ca = folder / "upstream.pem"
    options = {"listen": address, "tls": ca, "http2": str(case.http2).lower(), "closes": case.closes, "counts": f"127.0.0.1:{port}"}
    command = [str(bench.tool), "upstream", *(f"{name}={value}" for name, value in options.items())]
    counts = Server("upstream", port, command, folder, bench.load_core)
    counts.start(b"GET /counts HTTP/1.1\r\nhost: bench\r\n\r\n")
    return address, ca, counts


def ask(counts: Server) -> dict[str, int]:
    connection = http.client.HTTPConnection("127.0.0.1", counts.port, timeout=10)
    try:
        connection.request("GET", "/counts")
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()
