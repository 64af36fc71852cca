"""The sidecar under callgrind between a client and a vendor, which are both here and take turns."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "compare"))

import configs
import proxies

START_SECONDS = 120
PATIENCE = 60
WORDS = "The quick brown fox jumps over the lazy dog. " * 18


def http_request(path: str, body: dict) -> bytes:
    content = json.dumps(body, separators=(",", ":")).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\nauthorization: Bearer sk-none\r\n"
    return f"{head}content-length: {len(content)}\r\n\r\n".encode() + content


def chat(model: str, stream: bool) -> bytes:
    body = {"model": model, "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": WORDS}], "temperature": 0.2}
    return http_request("/v1/chat/completions", body | ({"stream": True} if stream else {}))


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def whole(body: dict) -> bytes:
    content = json.dumps(body, separators=(",", ":")).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(content), content)


OPENAI_USAGE = {"prompt_tokens": 200, "completion_tokens": 180, "total_tokens": 380}
OPENAI_ANSWER = whole({
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini", "usage": OPENAI_USAGE,
    "choices": [{"index": 0, "message": {"role": "assistant", "content": WORDS}, "logprobs": None, "finish_reason": "stop"}],
})  # fmt: skip
ANTHROPIC_ANSWER = whole({
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-4-5", "content": [{"type": "text", "text": WORDS}],
    "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 200, "output_tokens": 180},
})  # fmt: skip
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def openai_event(delta: dict, **more: object) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": more.pop("finish_reason", None)}
    event = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini", "choices": [choice]} | more
    return b"data: " + json.dumps(event, separators=(",", ":")).encode() + b"\n\n"


def anthropic_event(kind: str, **fields: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind} | fields, separators=(',', ':'))}\n\n".encode()


OPENAI_BEGIN = openai_event({"role": "assistant", "content": ""})
OPENAI_END = (
    openai_event({}, finish_reason="stop") + openai_event({}, choices=[], usage=OPENAI_USAGE) + b"data: [DONE]\n\n"
)
ANTHROPIC_BEGIN = anthropic_event(
    "message_start",
    message={"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-4-5", "content": [], "stop_reason": None,
             "usage": {"input_tokens": 200, "output_tokens": 1}},
) + anthropic_event("content_block_start", index=0, content_block={"type": "text", "text": ""})  # fmt: skip
ANTHROPIC_END = (
    anthropic_event("content_block_stop", index=0)
    + anthropic_event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 180})
    + anthropic_event("message_stop")
)


class Exchange:
    """One sidecar, one client's connection, one vendor's."""

    def __init__(self, binary: Path, folder: Path, profile: Path, options: Sequence[str] = ()) -> None:
        self.binary, self.profile, self.options = binary, profile, options
        self.vendor_listener = socket.create_server(("127.0.0.1", 0))
        self.vendor_listener.settimeout(PATIENCE)
        self.port, self.admin = proxies.free_port(), proxies.free_port()
        upstream = f"127.0.0.1:{self.vendor_listener.getsockname()[1]}"
        self.config = folder / "sidecar.yaml"
        self.log = (folder / "log").open("wb")
        given = {"port": self.port, "admin": self.admin, "scheme": "http", "upstream": upstream, "tls": ""}
        text = configs.SIDECAR.format(**given, guards=configs.GUARDS, metering=configs.METERING)
        self.config.write_text(text)
        self.vendor: socket.socket | None = None

    def __enter__(self) -> Exchange:
        callgrind = ["valgrind", "--tool=callgrind", "--quiet", f"--callgrind-out-file={self.profile}", *self.options]
        command = [*callgrind, str(self.binary), "serve", "--config", str(self.config)]
        # valgrind counts a string move byte by byte, which no processor does: copies are to be made by vectors.
        environment = os.environ | {"GLIBC_TUNABLES": "glibc.cpu.x86_rep_movsb_threshold=1073741824"}
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=environment)
        self.client = self.connect(self.port)
        return self

    def connect(self, port: int) -> socket.socket:
        """To one of the sidecar's listeners, which opens them one after the other."""
        by = time.monotonic() + START_SECONDS
        while time.monotonic() < by and self.process.poll() is None:
            with contextlib.suppress(OSError):
                return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
            time.sleep(0.05)
        self.__exit__()
        raise SystemExit(f"instructions: the sidecar did not start:\n{Path(self.log.name).read_text()[-2000:]}")

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()
        self.vendor_listener.close()

    def stop(self) -> None:
        """Lets it end in order, upon which callgrind writes its file."""
        self.client.close()
        self.process.terminate()
        if self.process.wait(PATIENCE) != 0:
            raise SystemExit("instructions: the sidecar did not end well")

    def ask(self, request: bytes) -> None:
        """The client asks, and the vendor has got it whole."""
        self.client.sendall(request)
        if self.vendor is None:
            self.vendor, _ = self.vendor_listener.accept()
            self.vendor.settimeout(PATIENCE)
        read_message(self.vendor)

    def whole(self, request: bytes, answer: bytes, times: int) -> None:
        for _ in range(times):
            self.ask(request)
            self.vendor.sendall(answer)
            head, body = read_message(self.client)
            if not head.startswith(b"HTTP/1.1 200") or b"lazy dog" not in body:
                raise SystemExit(f"instructions: not the answer: {head + body!r}")

    def streamed(self, request: bytes, begin: bytes, middle: bytes, end: bytes, times: int) -> None:
        self.ask(request)
        # Nothing of it goes to the client before there is content.
        self.vendor.sendall(STREAM_HEAD + chunk(begin))
        for _ in range(times):
            self.vendor.sendall(chunk(middle))
            read_until(self.client, b" token\"")
        self.vendor.sendall(chunk(end) + b"0\r\n\r\n")
        read_until(self.client, b"[DONE]")

    def relayed_request(self, times: int) -> None:
        self.whole(chat("fast", stream=False), OPENAI_ANSWER, times)

    def translated_request(self, times: int) -> None:
        self.whole(chat("claude", stream=False), ANTHROPIC_ANSWER, times)

    def relayed_chunk(self, times: int) -> None:
        self.streamed(chat("fast", stream=True), OPENAI_BEGIN, openai_event({"content": " token"}), OPENAI_END, times)

    def translated_chunk(self, times: int) -> None:
        delta = anthropic_event("content_block_delta", index=0, delta={"type": "text_delta", "text": " token"})
        self.streamed(chat("claude", stream=True), ANTHROPIC_BEGIN, delta, ANTHROPIC_END, times)

    def reload(self, times: int) -> None:
        """Of a configuration in which a price has changed, noticed by the sidecar itself: to ask for it would be a second one."""
        text = self.config.read_text()
        for number in range(times):
            new = self.config.with_suffix(".new")
            new.write_text(text.replace("output: 5.00", f"output: 5.{number:02}1"))
            new.replace(self.config)
            by = time.monotonic() + PATIENCE
            while Path(self.log.name).read_text().count("configuration taken over") <= number:
                if time.monotonic() > by:
                    raise SystemExit("instructions: the change was not noticed")
                time.sleep(0.05)


def read_message(peer: socket.socket) -> tuple[bytes, bytes]:
    """A head, and a body as long as its content-length."""
    held = read_until(peer, b"\r\n\r\n")
    head, _, body = held.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while len(body) < int(lengths[0] if lengths else 0):
        body += receive(peer)
    return head, body


def read_until(peer: socket.socket, wanted: bytes) -> bytes:
    held = b""
    while wanted not in held:
        held += receive(peer)
    return held


def receive(peer: socket.socket) -> bytes:
    got = peer.recv(1 << 16)
    if not got:
        raise SystemExit("instructions: the sidecar closed the connection")
    return got
