"""What the profile of requests is taken of: the load that `make bench` measures with, upstreams under TLS and HTTP/2, and every client's
format before every vendor's. What is not in it is built to be small, not fast."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import tempfile
from pathlib import Path

import configs
import exchange
import proxies

# What the load generator is told, beside where.
RELAYED = [{"kind": "plain", "model": proxies.MODEL}, {"kind": "stream", "model": proxies.MODEL}]
ALL = [
    *RELAYED,
    {"kind": "plain", "model": proxies.MODEL, "bytes": 100 << 10},
    {"kind": "held", "model": proxies.MODEL, "connections": 300, "slow": 100, "chunks": 60, "ramp": 1},
    {"kind": "plain", "model": proxies.TRANSLATED_MODEL},
    {"kind": "translated", "model": proxies.TRANSLATED_MODEL},
]
# Of the simulator's: the type of a provider that stands for a format, and the path of its base URL.
VENDORS = {
    "openai": "/v1",
    "openai_responses": "/v1",
    "anthropic": "",
    "gemini": "",
    "bedrock": "",
    "cohere": "",
    "mistral": "/v1",
    "ollama": "",
    "qwen_native": "/api/v1",
}
# Of each format before each vendor, plain and as a stream.
TIMES = 20
TEXT = "Grüße 😀\n\"Hello\", said one of them.\t" * 20
NAME, ABOUT = "weather", "Tells how the weather is in a city"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string", "enum": ["Paris"]}}, "required": ["city"]}
TOOL = {"name": NAME, "description": ABOUT, "parameters": SCHEMA}
SAID = [{"role": "user", "content": TEXT}, {"role": "assistant", "content": "Hello."}, {"role": "user", "content": "And the weather?"}]


def asked(client: str, model: str, stream: bool, tools: bool) -> tuple[str, dict]:
    """The path and body of a request in a client's format."""
    chat = {"model": model, "messages": SAID, "stream": stream}
    match client:
        case "chat":
            more = {"tools": [{"type": "function", "function": TOOL}]} if tools else {"temperature": 0.5}
            told = {"stream_options": {"include_usage": True}} if stream else {}
            return "/v1/chat/completions", {**chat, "max_tokens": 500, **told, **more}
        case "responses":
            more = {"tools": [{"type": "function", "strict": False, **TOOL}]} if tools else {"instructions": "Be short."}
            return "/v1/responses", {"model": model, "input": SAID, "stream": stream, "store": False, **more}
        case "messages":
            more = {"tools": [{"name": NAME, "description": ABOUT, "input_schema": SCHEMA}]} if tools else {"system": "Be short."}
            return "/v1/messages", {**chat, "max_tokens": 500, **more}
        case "gemini":
            roles = {"user": "user", "assistant": "model"}
            contents = [{"role": roles[turn["role"]], "parts": [{"text": turn["content"]}]} for turn in SAID]
            more = {"tools": [{"functionDeclarations": [TOOL]}]} if tools else {"generationConfig": {"maxOutputTokens": 500}}
            way = "streamGenerateContent?alt=sse" if stream else "generateContent"
            return f"/v1beta/models/{model}:{way}", {"contents": contents, **more}
        case "ollama":
            more = {"tools": [{"type": "function", "function": TOOL}]} if tools else {"options": {"temperature": 0.5}}
            return "/api/chat", {**chat, **more}
        case _:
            raise ValueError(client)


CLIENTS = ("chat", "responses", "messages", "gemini", "ollama")


def train(binary: Path, tool: Path, profiles: Path) -> None:
    """Has the counting sidecar serve all of it. Each of its processes writes its profile to the folder as it ends."""
    os.environ["LLVM_PROFILE_FILE"] = str(profiles / "%p.profraw")
    with tempfile.TemporaryDirectory(prefix="llm-sidecar-training-") as folder:
        for name, loads in (("http", ALL), ("tls", RELAYED), ("http2", RELAYED)):
            behind(name, loads, binary, tool, Path(folder) / name)
        formats(binary, Path(folder) / "formats")


def behind(kind: str, loads: list[dict], binary: Path, tool: Path, folder: Path) -> None:
    """The load generator's requests, with its upstream behind the sidecar."""
    folder.mkdir()
    address, port, ca = f"127.0.0.1:{proxies.free_port()}", proxies.free_port(), None if kind == "http" else folder / "ca.pem"
    options = {"listen": address, "counts": f"127.0.0.1:{port}", "http2": str(kind == "http2").lower()}
    options |= {"tls": ca} if ca else {}
    upstream = proxies.Server("upstream", port, [str(tool), "upstream", *words(options)], folder, None)
    # With a file of records and a budget, too.
    made = configs.make(binary, configs.Upstream(address, ca, kind == "http2"), folder, None, ["everything"])
    sidecar = next(server for server in made if server.name == "everything")
    try:
        upstream.start(b"GET /counts HTTP/1.1\r\nhost: bench\r\n\r\n")
        sidecar.start(exchange.chat(proxies.MODEL, stream=False))
        for load in loads:
            print(f"training: {kind}", *words(load), flush=True)
            command = [str(tool), "load", *words({"to": sidecar.address, "connections": 32, "seconds": 3} | load)]
            ran = subprocess.run(command, capture_output=True, text=True, check=True)
            if '"errors":0,' not in ran.stdout:
                raise SystemExit(f"training: answers were wrong: {ran.stdout}")
        end(sidecar)
    finally:
        sidecar.stop()
        upstream.stop()


def formats(binary: Path, folder: Path) -> None:
    """Requests in every client's format for the simulator in every vendor's."""
    folder.mkdir()
    ports = [proxies.free_port() for _ in range(3)]
    providers = {
        name: {"type": name, "base_url": f"http://127.0.0.1:{ports[0]}{path}", "api_key": "none"} for name, path in VENDORS.items()
    }
    listen, admin = (f"127.0.0.1:{port}" for port in ports[1:])
    config = folder / "config.yaml"
    config.write_text(json.dumps({"listen": listen, "admin": {"listen": admin}, "providers": providers}))
    ask = b"GET /v1/models HTTP/1.1\r\nhost: bench\r\n\r\n"
    simulator = proxies.Server("simulator", ports[0], [str(binary), "simulate", "--listen", f"127.0.0.1:{ports[0]}"], folder, None)
    sidecar = proxies.Server("formats", ports[1], [str(binary), "serve", "--config", str(config)], folder, None)
    try:
        simulator.start(ask)
        sidecar.start(ask)
        for client in CLIENTS:
            print(f"training: {client} before every vendor", flush=True)
            for vendor in VENDORS:
                converse(sidecar, client, f"{vendor}/m")
        end(sidecar)
    finally:
        sidecar.stop()
        simulator.stop()


def converse(sidecar: proxies.Server, client: str, model: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=30)
    for number in range(4 * TIMES):
        path, body = asked(client, model, stream=number % 2 == 0, tools=number % 4 < 2)
        connection.request("POST", path, json.dumps(body), {"content-type": "application/json", "authorization": "Bearer any"})
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise SystemExit(f"training: {client} for {model}: {answer.status} {said!r}")
    connection.close()


def words(options: dict) -> list[str]:
    return [f"{name}={value}" for name, value in options.items()]


def end(sidecar: proxies.Server) -> None:
    """By a signal, so that it writes its profile."""
    sidecar.process.send_signal(signal.SIGTERM)
    if sidecar.process.wait(30) != 0:
        raise SystemExit(f"training: {sidecar.name} did not end well")
