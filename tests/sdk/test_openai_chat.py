"""OpenAI's SDK: chat, streamed and not, with what a message can carry."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest
from conftest import ask, user
from media import PDF, PNG
from sidecar import Sidecar


def test_an_answer_is_complete(client: openai.OpenAI, model: str) -> None:
    answer = client.chat.completions.create(model=model, messages=user("What is new"))
    [choice] = answer.choices
    assert "What is new" in (choice.message.content or "")
    assert choice.message.role == "assistant" and choice.finish_reason == "stop" and not choice.message.tool_calls
    assert answer.object == "chat.completion" and answer.id and answer.created > 1_600_000_000
    assert answer.usage and answer.usage.prompt_tokens > 0 and answer.usage.completion_tokens > 0
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer._request_id


def test_an_answer_says_who_gave_it(client: openai.OpenAI, either: str) -> None:
    raw = client.chat.completions.with_raw_response.create(model=either, messages=user())
    provider, upstream = {"gpt": ("openai", "gpt-4o"), "claude": ("anthropic", "claude-sonnet-4-5")}[either]
    assert (raw.headers["x-llm-provider"], raw.headers["x-llm-model"], raw.headers["x-llm-attempts"]) == (provider, upstream, "1")


def test_a_model_is_named_by_provider_too(client: openai.OpenAI) -> None:
    for name in ("openai/gpt-4o", "anthropic/claude-sonnet-4-5"):
        assert client.chat.completions.create(model=name, messages=user()).choices[0].message.content


def test_a_stream_says_what_the_answer_says(client: openai.OpenAI, model: str) -> None:
    messages = user("Count to three")
    whole = client.chat.completions.create(model=model, messages=messages)
    chunks = list(client.chat.completions.create(model=model, messages=messages, stream=True))
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == whole.choices[0].message.content
    assert sum(1 for delta in deltas if delta.content) > 1, "the answer came in one piece"
    assert [delta.role for delta in deltas if delta.role] == ["assistant"] and deltas[0].role
    assert [c.finish_reason for chunk in chunks for c in chunk.choices if c.finish_reason] == ["stop"]
    assert len({chunk.id for chunk in chunks}) == 1 and {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert all(chunk.usage is None for chunk in chunks), "nobody asked for the usage"


def test_usage_of_a_stream_comes_if_asked_for(client: openai.OpenAI, model: str) -> None:
    messages = user("Count to three")
    whole = client.chat.completions.create(model=model, messages=messages)
    stream = client.chat.completions.create(model=model, messages=messages, stream=True, stream_options={"include_usage": True})
    chunks = list(stream)
    assert [bool(chunk.usage) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].choices == []
    assert chunks[-1].usage and whole.usage
    assert chunks[-1].usage.prompt_tokens == whole.usage.prompt_tokens
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


def test_cached_tokens_are_part_of_the_prompt(client: openai.OpenAI, either: str) -> None:
    plain = client.chat.completions.create(model=either, messages=user("A long prompt. " * 40)).usage
    cached = client.chat.completions.create(model=either, messages=user("A long prompt. " * 40, cached_tokens=32)).usage
    assert plain and cached and cached.prompt_tokens_details
    assert cached.prompt_tokens_details.cached_tokens == 32
    assert abs(cached.prompt_tokens - plain.prompt_tokens) < 16  # the directive itself is a few tokens


def test_the_stream_helper_accumulates(client: openai.OpenAI, model: str) -> None:
    with client.chat.completions.stream(model=model, messages=user("Count to three")) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert "content.delta" in kinds and "content.done" in kinds
    assert "Count to three" in (final.choices[0].message.content or "") and final.choices[0].finish_reason == "stop"


def test_the_asynchronous_client(sidecar: Sidecar, either: str) -> None:
    async def run() -> None:
        async with openai.AsyncOpenAI(base_url=sidecar.url("data", "/v1"), api_key="any", max_retries=0) as client:
            messages = [user(f"Question of task {n}") for n in range(10)]
            answers = await asyncio.gather(*(client.chat.completions.create(model=either, messages=m) for m in messages))
            for n, answer in enumerate(answers):
                assert f"Question of task {n}" in (answer.choices[0].message.content or "")
            stream = await client.chat.completions.create(model=either, messages=messages[0], stream=True)
            text = "".join([c.delta.content or "" async for chunk in stream for c in chunk.choices])
            assert text == answers[0].choices[0].message.content

    asyncio.run(run())


def test_a_client_that_leaves_early_is_no_error(client: openai.OpenAI, either: str) -> None:
    with client.chat.completions.create(model=either, messages=user(chunks=2000, chunk_ms=5), stream=True) as stream:
        for _, chunk in zip(range(5), stream):
            assert chunk.id
    assert client.chat.completions.create(model=either, messages=user()).choices


def test_a_conversation_with_instructions(client: openai.OpenAI, model: str) -> None:
    messages: list[Any] = [
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
        {"role": "user", "content": "First question"},
        {"role": "assistant", "content": "First answer"},
        {"role": "user", "content": [{"type": "text", "text": ask("Second question")}]},
    ]
    answer = client.chat.completions.create(
        model=model, messages=messages, temperature=0.5, top_p=0.9, stop=["END"], max_completion_tokens=200, user="user-1",
    )
    assert "Second question" in (answer.choices[0].message.content or "")


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}},
        {"type": "file", "file": {"filename": "paper.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}},
    ],
    ids=["image", "image-url", "pdf"],
)
def test_images_and_documents(client: openai.OpenAI, either: str, part: dict[str, Any]) -> None:
    content = [{"type": "text", "text": ask("What is this")}, part]
    raw = client.chat.completions.with_raw_response.create(model=either, messages=[{"role": "user", "content": content}])
    assert "What is this" in (raw.parse().choices[0].message.content or "")
    assert "image_url" not in raw.headers.get("x-llm-dropped", "") and "file" not in raw.headers.get("x-llm-dropped", "")


@pytest.mark.parametrize("model", ["thinker", "claude"], ids=["openai", "anthropic"])
def test_reasoning_is_asked_for_and_counted(client: openai.OpenAI, model: str) -> None:
    answer = client.chat.completions.create(
        model=model, messages=user("Think hard"), reasoning_effort="high", max_completion_tokens=20_000,
    )
    assert "Think hard" in (answer.choices[0].message.content or "")
    if model == "thinker":
        assert answer.usage and answer.usage.completion_tokens_details
        assert (answer.usage.completion_tokens_details.reasoning_tokens or 0) > 0
    else:  # Messages does not count thoughts apart, but shows them
        assert answer.choices[0].message.reasoning_content  # type: ignore[attr-defined]


def test_streamed_reasoning_comes_before_the_text(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="claude", messages=user("Think hard"), reasoning_effort="high", max_completion_tokens=20_000, stream=True,
    )
    kinds = [
        "thought" if getattr(c.delta, "reasoning_content", None) else "text"
        for chunk in stream for c in chunk.choices if getattr(c.delta, "reasoning_content", None) or c.delta.content
    ]
    assert "thought" in kinds and "text" in kinds and kinds == sorted(kinds, key=("thought", "text").index)


def test_what_the_target_cannot_express_is_named(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="claude", messages=user(), logit_bias={"50256": -100}, seed=7)
    dropped = raw.headers["x-llm-dropped"]
    assert "logit_bias" in dropped and "seed" in dropped
    raw = client.chat.completions.with_raw_response.create(model="gpt", messages=user(), logit_bias={"50256": -100}, seed=7)
    assert "x-llm-dropped" not in raw.headers
    # gpt-4o does not reason, and refuses to be asked.
    raw = client.chat.completions.with_raw_response.create(model="gpt", messages=user(), reasoning_effort="low")
    assert raw.headers["x-llm-dropped"] == "reasoning_effort"


def test_unknown_fields_pass_where_the_dialects_agree(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="gpt", messages=user(), extra_body={"brand_new": {"depth": [1, 2.50, None]}}, extra_headers={"x-stainless-helper": "test"},
    )
    assert answer.choices[0].message.content


def test_legacy_completions(client: openai.OpenAI) -> None:
    prompt = ask("Once upon a time")
    answer = client.completions.create(model="gpt", prompt=prompt, max_tokens=50)
    assert answer.object == "text_completion" and answer.choices[0].text and answer.usage
    chunks = list(client.completions.create(model="gpt", prompt=prompt, max_tokens=50, stream=True))
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == answer.choices[0].text


def test_nobody_finds_the_prompt_in_the_log(sidecar: Sidecar, client: openai.OpenAI, model: str) -> None:
    client.chat.completions.create(model=model, messages=user("canary-in-the-coal-mine"))
    assert "canary-in-the-coal-mine" not in sidecar.log_text()
    assert not any(key in sidecar.log_text() for key in ("openai-key", "anthropic-key", "azure-key"))


def test_large_and_foreign_texts(client: openai.OpenAI, model: str) -> None:
    text = "Grüße, 你好, 😀, \u2028 and \x07 " * 20_000
    assert client.chat.completions.create(model=model, messages=user(text)).usage
    short = "Grüße, 你好, 😀 naïve"
    stream = client.chat.completions.create(model=model, messages=user(short), stream=True)
    assert short in "".join(c.delta.content or "" for chunk in stream for c in chunk.choices)


