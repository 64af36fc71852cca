"""The simulator and the proxy for all tests of a run, and the official clients pointed at the proxy."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from matrix import Matrix
from sidecar import Sidecar, Simulator

# Only loopback is used: a proxy of the environment would be in the way, and so would a base URL or an account for the SDKs.
_SDKS = ("OPENAI_", "ANTHROPIC_", "AZURE_OPENAI_", "GOOGLE_", "GEMINI_", "OLLAMA_", "MISTRAL_", "CO_", "AWS_", "DASHSCOPE_")
for name in [n for n in os.environ if n.upper().endswith("_PROXY") or n.startswith(_SDKS)]:
    del os.environ[name]

_questions = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Matrix(config))


def ask(text: str = "Tell me something", **directives: Any) -> str:
    """A user message no other test sends, with directives for the simulator: `ask(status=429, retry_after=1)`."""
    words = " ".join(f"{key.replace('_', '-')}={value}" for key, value in directives.items())
    return f"{text} (question {next(_questions)})" + (f" [sim {words}]" if words else "")


def user(text: str = "Tell me something", **directives: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": ask(text, **directives)}]


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    with Simulator() as server:
        yield server


@pytest.fixture(scope="session")
def sidecar(simulator: Simulator) -> Iterator[Sidecar]:
    """One OpenAI, one Anthropic and one Azure provider, all of them the simulator, each behind an alias."""
    # So that what the SDKs retry can be counted, and that one test's failures are not another's.
    never = {"breaker": {"enabled": False}}
    once = {"retry": {"attempts": 1}, **never}
    with Sidecar({
        "providers": {
            "openai": {"type": "openai", "base_url": simulator.url("simulator", "/v1"), "api_key": "openai-key", **once},
            "anthropic": {"type": "anthropic", "base_url": simulator.url("simulator"), "api_key": "anthropic-key", **once},
            "azure": {"type": "azure", "base_url": simulator.url("simulator"), "api_key": "azure-key",
                      "api_version": "2024-10-21", "deployments": {"gpt-4o": "my-gpt-4o"}, **once},
            "patient": {"type": "openai", "base_url": simulator.url("simulator", "/v1"), "api_key": "openai-key",
                        "retry": {"attempts": 3, "backoff": "1ms..5ms", "budget": "100%"}, **never},
            "limited": {"type": "openai", "base_url": simulator.url("simulator", "/v1"), "api_key": "openai-key",
                        "limit": {"requests": {"rate": "1/s"}}, **once},
            "hasty": {"type": "openai", "base_url": simulator.url("simulator", "/v1"), "api_key": "openai-key",
                      "timeout": {"first_token": "300ms", "idle": "300ms"}, **once},
        },
        "models": {
            "gpt": {"targets": [{"provider": "openai", "model": "gpt-4o"}]},
            "claude": {"targets": [{"provider": "anthropic", "model": "claude-sonnet-4-5"}]},
            "thinker": {"targets": [{"provider": "openai", "model": "o3-mini"}]},
            "deployed": {"targets": [{"provider": "azure", "model": "gpt-4o"}]},
        },
    }) as server:
        yield server


@pytest.fixture(params=["gpt", "claude", "deployed"], ids=["openai", "anthropic", "azure"])
def model(request: pytest.FixtureRequest) -> str:
    """Every alias: a test that takes this runs once relayed, once translated, and once with a vendor that has quirks."""
    return request.param


@pytest.fixture(params=["gpt", "claude"], ids=["openai", "anthropic"])
def either(request: pytest.FixtureRequest) -> str:
    """One alias of each dialect."""
    return request.param


@pytest.fixture
def client(sidecar: Sidecar) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=sidecar.url("data", "/v1"), api_key="any", max_retries=0, timeout=20) as made:
        yield made


@pytest.fixture
def claude(sidecar: Sidecar) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=sidecar.url("data"), api_key="any", max_retries=0, timeout=20) as made:
        yield made
