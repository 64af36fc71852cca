"""Anthropic's SDK against an Anthropic vendor (relayed) and an OpenAI vendor (translated)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import anthropic
import pytest
from conftest import user
from media import PDF, PNG
from pydantic import BaseModel
from sidecar import Sidecar

WEATHER: dict[str, Any] = {
    "name": "get_weather",
    "description": "The weather of a city",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
        "required": ["city", "days"],
    },
}
TIME: dict[str, Any] = {"name": "get_time", "description": "The time", "input_schema": {"type": "object", "properties": {}}}

CLASSES = {
    400: anthropic.BadRequestError,
    401: anthropic.AuthenticationError,
    403: anthropic.PermissionDeniedError,
    404: anthropic.NotFoundError,
    409: anthropic.ConflictError,
    422: anthropic.UnprocessableEntityError,
    429: anthropic.RateLimitError,
    500: anthropic.InternalServerError,
    503: anthropic.InternalServerError,
    529: anthropic.InternalServerError,
}


class City(BaseModel):
    name: str
    people: int


def text_of(message: anthropic.types.Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def test_an_answer_is_complete(claude: anthropic.Anthropic, either: str) -> None:
    message = claude.messages.create(model=either, max_tokens=200, messages=user("What is new"))
    assert "What is new" in text_of(message)
    assert message.type == "message" and message.role == "assistant" and message.stop_reason == "end_turn" and message.id
    assert message.usage.input_tokens > 0 and message.usage.output_tokens > 0
    assert message._request_id


def test_a_stream_says_what_the_answer_says(claude: anthropic.Anthropic, either: str) -> None:
    messages = user("Count to three")
    whole = claude.messages.create(model=either, max_tokens=200, messages=messages)
    events = list(claude.messages.create(model=either, max_tokens=200, messages=messages, stream=True))
    kinds = [event.type for event in events]
    assert kinds[:2] == ["message_start", "content_block_start"] and kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert kinds.count("content_block_delta") > 1, "the answer came in one piece"
    with claude.messages.stream(model=either, max_tokens=200, messages=messages) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == text_of(final) == text_of(whole)
    assert final.stop_reason == "end_turn" and final.usage.output_tokens == whole.usage.output_tokens


def test_the_asynchronous_client(sidecar: Sidecar, either: str) -> None:
    async def run() -> None:
        async with anthropic.AsyncAnthropic(base_url=sidecar.url("data"), api_key="any", max_retries=0) as client:
            questions = [user(f"Question of task {n}") for n in range(10)]
            answers = await asyncio.gather(*(client.messages.create(model=either, max_tokens=99, messages=q) for q in questions))
            for n, answer in enumerate(answers):
                assert f"Question of task {n}" in text_of(answer)
            async with client.messages.stream(model=either, max_tokens=99, messages=questions[0]) as stream:
                assert "".join([text async for text in stream.text_stream]) == text_of(answers[0])

    asyncio.run(run())


def test_settings_and_a_conversation(claude: anthropic.Anthropic, either: str) -> None:
    message = claude.messages.create(
        model=either,
        max_tokens=200,
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        messages=[
            {"role": "user", "content": "First question"},
            {"role": "assistant", "content": [{"type": "text", "text": "First answer"}]},
            *user("Second question"),
        ],
        extra_body={"temperature": 0.5},
        stop_sequences=["END"],
        metadata={"user_id": "user-1"},
    )
    assert "Second question" in text_of(message)


def test_tools(claude: anthropic.Anthropic, either: str) -> None:
    messages: list[Any] = user("Call get_weather and get_time")
    first = claude.messages.create(model=either, max_tokens=200, messages=messages, tools=[WEATHER, TIME])
    calls = [block for block in first.content if block.type == "tool_use"]
    assert first.stop_reason == "tool_use" and [call.name for call in calls] == ["get_weather", "get_time"]
    assert set(calls[0].input) == {"city", "days"} and calls[1].input == {} and calls[0].id != calls[1].id
    results = [
        {"type": "tool_result", "tool_use_id": calls[0].id, "content": [{"type": "text", "text": "rain of frogs"}]},
        {"type": "tool_result", "tool_use_id": calls[1].id, "content": "no clock", "is_error": True},
    ]
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    second = claude.messages.create(model=either, max_tokens=200, messages=messages, tools=[WEATHER, TIME])
    assert second.stop_reason == "end_turn" and text_of(second)


def test_tool_input_is_streamed(claude: anthropic.Anthropic, either: str) -> None:
    with claude.messages.stream(model=either, max_tokens=200, messages=user("Call get_weather and get_time"), tools=[WEATHER, TIME]) as stream:
        pieces = [event.partial_json for event in stream if event.type == "input_json"]
        final = stream.get_final_message()
    calls = [block for block in final.content if block.type == "tool_use"]
    assert pieces and [call.name for call in calls] == ["get_weather", "get_time"] and set(calls[0].input) == {"city", "days"}
    assert final.stop_reason == "tool_use"


@pytest.mark.parametrize("choice, called", [({"type": "any"}, True), ({"type": "tool", "name": "get_weather"}, True), ({"type": "none"}, False), ({"type": "auto"}, False)])
def test_the_choice_of_tools_is_kept(claude: anthropic.Anthropic, either: str, choice: Any, called: bool) -> None:
    message = claude.messages.create(model=either, max_tokens=200, messages=user("What is the weather"), tools=[WEATHER], tool_choice=choice)
    assert any(block.type == "tool_use" for block in message.content) is called


def test_an_answer_is_parsed_into_a_type(claude: anthropic.Anthropic, either: str) -> None:
    message = claude.messages.parse(model=either, max_tokens=200, messages=user("Name a city"), output_format=City)
    assert isinstance(message.parsed_output, City)


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/cat.png"}},
        {"type": "document", "title": "paper.pdf", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}},
    ],
    ids=["image", "image-url", "pdf"],
)
def test_images_and_documents(claude: anthropic.Anthropic, either: str, block: Any) -> None:
    [message] = user("What is this")
    content = [block, {"type": "text", "text": message["content"]}]
    raw = claude.messages.with_raw_response.create(model=either, max_tokens=200, messages=[{"role": "user", "content": content}])
    assert "What is this" in text_of(raw.parse())
    assert "image" not in raw.headers.get("x-llm-dropped", "") and "document" not in raw.headers.get("x-llm-dropped", "")


def test_thinking(claude: anthropic.Anthropic) -> None:
    thinking: Any = {"type": "enabled", "budget_tokens": 2048}
    messages: list[Any] = user("Think hard")
    first = claude.messages.create(model="claude", max_tokens=4096, messages=messages, thinking=thinking)
    assert [block.type for block in first.content] == ["thinking", "text"]
    assert first.content[0].type == "thinking" and first.content[0].thinking and first.content[0].signature
    with claude.messages.stream(model="claude", max_tokens=4096, messages=messages, thinking=thinking) as stream:
        final = stream.get_final_message()
    assert [block.to_dict() for block in final.content] == [block.to_dict() for block in first.content]
    # Blocks go back as they came; a signature that was changed would be refused.
    messages += [{"role": "assistant", "content": first.content}, *user("Go on")]
    assert text_of(claude.messages.create(model="claude", max_tokens=4096, messages=messages, thinking=thinking))


def test_thinking_asks_an_openai_vendor_to_reason(claude: anthropic.Anthropic) -> None:
    message = claude.messages.create(
        model="gpt", max_tokens=4096, messages=user("Think hard"), thinking={"type": "enabled", "budget_tokens": 2048},
    )
    assert "Think hard" in text_of(message)


def test_tokens_are_counted(claude: anthropic.Anthropic, either: str) -> None:
    short = claude.messages.count_tokens(model=either, messages=user("A sentence of seven words or so")).input_tokens
    long = claude.messages.count_tokens(model=either, messages=user("A sentence of seven words or so. " * 50), tools=[WEATHER]).input_tokens
    assert 3 <= short <= 60 and long > 10 * short


def test_models(claude: anthropic.Anthropic) -> None:
    assert {"gpt", "claude"} <= {model.id for model in claude.models.list()}
    assert claude.models.retrieve("claude").id == "claude"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("status", CLASSES)
def test_a_vendors_error_has_its_class(claude: anthropic.Anthropic, either: str, status: int, stream: bool) -> None:
    with pytest.raises(anthropic.APIStatusError) as raised:
        claude.messages.create(model=either, max_tokens=99, messages=user(status=status), stream=stream)
    error = raised.value
    # Anthropic knows no 503: its word for an overloaded vendor is 529.
    assert isinstance(error, CLASSES[status]) and error.status_code == (529 if status == 503 else status) and error.request_id
    assert isinstance(error.body, dict) and error.body["type"] == "error"
    assert error.body["error"]["type"] and error.body["error"]["message"] == "simulated error"


def test_retry_after_is_honoured(claude: anthropic.Anthropic, either: str) -> None:
    start = time.monotonic()
    messages = user(status=429, retry_after=1, times=1)
    message = claude.with_options(max_retries=2).messages.create(model=either, max_tokens=99, messages=messages)
    assert text_of(message) and 0.95 <= time.monotonic() - start < 4


def test_a_request_that_is_none(claude: anthropic.Anthropic) -> None:
    for body in ({"model": "claude"}, {"model": "claude", "max_tokens": 9, "messages": "none"}, {"messages": []}):
        with pytest.raises(anthropic.BadRequestError) as raised:
            claude.post("/v1/messages", body=body, cast_to=object)
        assert raised.value.body["error"]["type"] == "invalid_request_error"  # type: ignore[index]
    with pytest.raises(anthropic.NotFoundError):
        claude.messages.create(model="no-such-alias/at-all", max_tokens=9, messages=user())


@pytest.mark.parametrize("fault", ["cut", "reset", "garbage", "error-event", "no-finish"])
def test_a_stream_that_breaks_never_ends_well(claude: anthropic.Anthropic, either: str, fault: str) -> None:
    kinds = []
    # What the SDK raises depends on how the stream broke: an error event, a cut body.
    with pytest.raises(Exception) as raised:
        for event in claude.messages.create(model=either, max_tokens=99, messages=user(chunks=20, fault=fault, fault_after=6), stream=True):
            kinds.append(event.type)
    assert not isinstance(raised.value, AssertionError)
    assert "content_block_delta" in kinds and "message_delta" not in kinds and "message_stop" not in kinds


@pytest.mark.parametrize("fault", ["cut", "reset", "html", "truncated-json"])
def test_a_broken_answer_is_an_error(claude: anthropic.Anthropic, either: str, fault: str) -> None:
    with pytest.raises(anthropic.APIError):
        claude.messages.create(model=either, max_tokens=99, messages=user(fault=fault))


def test_the_clients_own_timeout(claude: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.APITimeoutError):
        claude.with_options(timeout=0.3).messages.create(model="claude", max_tokens=99, messages=user(delay_ms=20_000))
