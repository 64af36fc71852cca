"""The SDKs stream from a real model, relayed and translated."""

from __future__ import annotations

import anthropic
import openai
import pytest
from google import genai
from google.genai import types
from sidecar import Sidecar

QUESTION = "The capital of France is"


@pytest.fixture(params=["gpt", "responses", "claude"], ids=["openai-vendor", "responses-vendor", "anthropic-vendor"])
def model(request: pytest.FixtureRequest) -> str:
    return request.param


def test_openais_sdk(sidecar: Sidecar, model: str) -> None:
    client = openai.OpenAI(base_url=sidecar.url("data", "/v1"), api_key="any", max_retries=0, timeout=120)
    messages: list = [{"role": "user", "content": QUESTION}]
    stream = client.chat.completions.create(
        model=model, messages=messages, max_tokens=24, temperature=0, stream=True, stream_options={"include_usage": True},
    )
    chunks = list(stream)
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    finish = [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason]
    usage = chunks[-1].usage
    assert text and finish in (["stop"], ["length"]) and usage and 0 < usage.completion_tokens <= 24 and usage.prompt_tokens > 3
    print(f"\n  streamed: {text!r} {usage.prompt_tokens}+{usage.completion_tokens} tokens")

    whole = client.chat.completions.create(model=model, messages=messages, max_tokens=24, temperature=0)
    assert whole.choices[0].message.content and whole.usage and whole.usage.prompt_tokens == usage.prompt_tokens


def test_anthropics_sdk(sidecar: Sidecar, model: str) -> None:
    client = anthropic.Anthropic(base_url=sidecar.url("data"), api_key="any", max_retries=0, timeout=120)
    with client.messages.stream(
        model=model, max_tokens=24, messages=[{"role": "user", "content": QUESTION}], extra_body={"temperature": 0}
    ) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text and final.stop_reason in ("end_turn", "max_tokens", "stop_sequence")
    assert final.usage.input_tokens > 3 and 0 < final.usage.output_tokens <= 24
    print(f"\n  streamed: {text!r} {final.usage.input_tokens}+{final.usage.output_tokens} tokens")


def test_openais_responses(sidecar: Sidecar, model: str) -> None:
    client = openai.OpenAI(base_url=sidecar.url("data", "/v1"), api_key="any", max_retries=0, timeout=120)
    events = list(client.responses.create(
        model=model, input=QUESTION, max_output_tokens=24, temperature=0, store=False, stream=True,
    ))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    last = events[-1]
    assert last.type in ("response.completed", "response.incomplete")
    final = last.response
    assert text and final.output_text == text and last.type == f"response.{final.status}"
    assert final.usage and final.usage.input_tokens > 3 and 0 < final.usage.output_tokens <= 24
    print(f"\n  streamed: {text!r} {final.usage.input_tokens}+{final.usage.output_tokens} tokens")


def test_googles_sdk(sidecar: Sidecar, model: str) -> None:
    options = types.HttpOptions(base_url=sidecar.url("data"), timeout=120_000)
    client = genai.Client(api_key="any", http_options=options)
    config = types.GenerateContentConfig(max_output_tokens=24, temperature=0)
    chunks = list(client.models.generate_content_stream(model=model, contents=QUESTION, config=config))
    text = "".join(chunk.text or "" for chunk in chunks)
    finish = [candidate.finish_reason for chunk in chunks for candidate in chunk.candidates or [] if candidate.finish_reason]
    usage = chunks[-1].usage_metadata
    assert text and len(chunks) > 1 and finish in ([types.FinishReason.STOP], [types.FinishReason.MAX_TOKENS])
    assert usage and (usage.prompt_token_count or 0) > 3 and 0 < (usage.candidates_token_count or 0) <= 24
    print(f"\n  streamed: {text!r} {usage.prompt_token_count}+{usage.candidates_token_count} tokens")

    whole = client.models.generate_content(model=model, contents=QUESTION, config=config)
    assert whole.text and whole.usage_metadata and whole.usage_metadata.prompt_token_count == usage.prompt_token_count


def test_a_client_that_leaves_frees_the_model(sidecar: Sidecar, model: str) -> None:
    """The model has four slots: were one left busy by each early leave, later requests would wait."""
    client = openai.OpenAI(base_url=sidecar.url("data", "/v1"), api_key="any", max_retries=0, timeout=60)
    for _ in range(6):
        with client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "Count for ever"}], max_tokens=3000, stream=True
        ) as stream:
            next(iter(stream))
    assert client.chat.completions.create(model=model, messages=[{"role": "user", "content": QUESTION}], max_tokens=4).choices


def test_the_models_own_errors(sidecar: Sidecar, model: str) -> None:
    client = openai.OpenAI(base_url=sidecar.url("data", "/v1"), api_key="any", max_retries=0, timeout=60)
    with pytest.raises(openai.BadRequestError):  # more than the context holds
        client.chat.completions.create(model=model, messages=[{"role": "user", "content": "word " * 20_000}], max_tokens=4)


def test_the_models_own_name(sidecar: Sidecar) -> None:
    client = openai.OpenAI(base_url=sidecar.url("data", "/v1"), api_key="any", max_retries=0, timeout=60)
    assert {"gpt", "responses", "claude"} <= {model.id for model in client.models.list()}
