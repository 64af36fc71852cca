"""A real language model behind the proxy. It is small and untuned: its words mean little, its tokens, streams and figures are real."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from sidecar import ROOT, Sidecar

MODEL = "gemma-3-270m"


@pytest.fixture(scope="session")
def model_server() -> Iterator[str]:
    """The address of llama.cpp's server, which speaks both of OpenAI's formats and Anthropic's."""
    tools = ROOT / ".tools"
    with (tools / "model-server.log").open("w") as log:
        process = subprocess.Popen(
            [tools / "model/bin/python", ROOT / "tests/live/model_server.py", tools / "model.gguf"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
        )
    assert process.stdin and process.stdout
    address = process.stdout.readline().strip()
    if not address.startswith("http"):
        process.wait(10)
        raise RuntimeError((tools / "model-server.log").read_text()[-3000:])
    yield address
    process.stdin.close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()  # it may be in the middle of a thought
        process.wait()


@pytest.fixture(scope="session")
def sidecar(model_server: str) -> Iterator[Sidecar]:
    with Sidecar({
        "providers": {
            "local": {"type": "llamacpp", "base_url": f"{model_server}/v1"},
            "responses": {"type": "openai_responses", "base_url": f"{model_server}/v1", "api_key": "none"},
            "messages": {"type": "anthropic", "base_url": model_server, "api_key": "none"},
        },
        "models": {
            "gpt": {"targets": [{"provider": "local", "model": MODEL}]},
            "responses": {"targets": [{"provider": "responses", "model": MODEL}]},
            "claude": {"targets": [{"provider": "messages", "model": MODEL}]},
        },
    }) as server:
        yield server
