"""Embeddings by the official SDKs, each before vendors of every format. The simulator's vectors depend on the text alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from google import genai
from google.genai import types
from ollama import Client as Ollama
from sidecar import Sidecar, Simulator

TEXTS = ["Grüße 😀", "two"]
VENDORS = {"openai": "/v1", "gemini": "", "cohere": "", "ollama": "", "qwen": "/compatible-mode/v1", "qwen_native": "/api/v1"}


@pytest.fixture(scope="module")
def embedder(simulator: Simulator) -> Iterator[Sidecar]:
    def provider(kind: str, path: str) -> dict[str, Any]:
        return {"type": kind, "base_url": simulator.url("simulator", path), "api_key": f"{kind}-key"}

    with Sidecar({"providers": {kind: provider(kind, path) for kind, path in VENDORS.items()}}) as server:
        yield server


@pytest.fixture(params=VENDORS)
def vendor(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def reference(embedder: Sidecar) -> list[list[float]]:
    """The vectors of the texts, relayed as numbers."""
    client = openai.OpenAI(base_url=embedder.url("data", "/v1"), api_key="any", max_retries=0)
    answer = client.embeddings.create(model="openai/m", input=TEXTS, dimensions=16, encoding_format="float")
    return [item.embedding for item in answer.data]


def close(one: list[float] | None, other: list[float]) -> bool:
    return one == pytest.approx(other, rel=1e-6)


def test_openai_asks_for_base64_by_itself(embedder: Sidecar, vendor: str, reference: list[list[float]]) -> None:
    client = openai.OpenAI(base_url=embedder.url("data", "/v1"), api_key="any", max_retries=0)
    for more in ({}, {"encoding_format": "float"}):
        answer = client.embeddings.create(model=f"{vendor}/m", input=TEXTS, dimensions=16, **more)
        assert [item.index for item in answer.data] == [0, 1]
        assert all(close(item.embedding, wanted) for item, wanted in zip(answer.data, reference, strict=True))
        assert answer.usage.prompt_tokens > 0 and answer.model == "m"


def test_google_embeds_one_content_and_several(embedder: Sidecar, vendor: str, reference: list[list[float]]) -> None:
    client = genai.Client(api_key="any", http_options=types.HttpOptions(base_url=embedder.url("data")))
    config = types.EmbedContentConfig(output_dimensionality=16, task_type="RETRIEVAL_QUERY")
    for texts in (TEXTS, TEXTS[0]):
        answer = client.models.embed_content(model=f"{vendor}/m", contents=texts, config=config)
        found = [one.values for one in answer.embeddings or []]
        assert len(found) == (2 if isinstance(texts, list) else 1)
        assert all(close(one, wanted) for one, wanted in zip(found, reference, strict=False))


def test_ollama_embeds(embedder: Sidecar, vendor: str, reference: list[list[float]]) -> None:
    client = Ollama(host=embedder.url("data"))
    answer = client.embed(model=f"{vendor}/m", input=TEXTS, dimensions=16)
    assert all(close(list(one), wanted) for one, wanted in zip(answer.embeddings, reference, strict=True))
    assert answer.prompt_eval_count and answer.prompt_eval_count > 0
    assert len(client.embeddings(model=f"{vendor}/m", prompt="one").embedding) == 256


def test_token_numbers_are_refused_where_they_mean_nothing(embedder: Sidecar) -> None:
    client = openai.OpenAI(base_url=embedder.url("data", "/v1"), api_key="any", max_retries=0)
    assert client.embeddings.create(model="openai/m", input=[[1, 2], [3]]).data[1].embedding
    with pytest.raises(openai.BadRequestError, match="token numbers"):
        client.embeddings.create(model="gemini/m", input=[1, 2])
