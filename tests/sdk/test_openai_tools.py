"""OpenAI's SDK: tools and structured output."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from conftest import user
from pydantic import BaseModel

WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
            "required": ["city", "days"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}
TIME: dict[str, Any] = {
    "type": "function",
    "function": {"name": "get_time", "description": "The time", "parameters": {"type": "object", "properties": {}}},
}


class Step(BaseModel):
    explanation: str
    output: str


class Solution(BaseModel):
    steps: list[Step]
    answer: float


def test_a_tool_is_called_and_its_result_is_heard(client: openai.OpenAI, model: str) -> None:
    messages: list[Any] = user("Call get_weather")
    first = client.chat.completions.create(model=model, messages=messages, tools=[WEATHER])
    [choice] = first.choices
    assert choice.finish_reason == "tool_calls" and choice.message.tool_calls
    [call] = choice.message.tool_calls
    assert call.type == "function" and call.function.name == "get_weather" and call.id
    assert set(json.loads(call.function.arguments)) == {"city", "days"}

    messages += [choice.message, {"role": "tool", "tool_call_id": call.id, "content": "rain of frogs"}]
    second = client.chat.completions.create(model=model, messages=messages, tools=[WEATHER])
    assert second.choices[0].finish_reason == "stop"
    assert "rain of frogs" in (second.choices[0].message.content or "")


def test_tools_are_called_side_by_side(client: openai.OpenAI, model: str) -> None:
    messages: list[Any] = user("Call get_weather and get_time")
    first = client.chat.completions.create(model=model, messages=messages, tools=[WEATHER, TIME])
    calls = first.choices[0].message.tool_calls or []
    assert [call.function.name for call in calls if call.type == "function"] == ["get_weather", "get_time"]
    assert len({call.id for call in calls}) == 2

    # Results in another order than the calls.
    results = [{"role": "tool", "tool_call_id": call.id, "content": f"result {n}"} for n, call in enumerate(calls)]
    second = client.chat.completions.create(model=model, messages=[*messages, first.choices[0].message, *results[::-1]], tools=[WEATHER, TIME])
    assert second.choices[0].finish_reason == "stop" and second.choices[0].message.content


def test_arguments_are_streamed(client: openai.OpenAI, model: str) -> None:
    stream = client.chat.completions.create(model=model, messages=user("Call get_weather and get_time"), tools=[WEATHER, TIME], stream=True)
    names: dict[int, str] = {}
    ids: dict[int, str] = {}
    arguments: dict[int, str] = {}
    finish = []
    for chunk in stream:
        for choice in chunk.choices:
            finish += [choice.finish_reason] if choice.finish_reason else []
            for call in choice.delta.tool_calls or []:
                assert call.function
                if call.id:
                    assert call.index not in ids, "a call began twice"
                    ids[call.index], names[call.index] = call.id, call.function.name or ""
                arguments[call.index] = arguments.get(call.index, "") + (call.function.arguments or "")
    assert names == {0: "get_weather", 1: "get_time"} and len(set(ids.values())) == 2 and finish == ["tool_calls"]
    assert set(json.loads(arguments[0])) == {"city", "days"} and json.loads(arguments[1]) == {}


def test_the_stream_helper_parses_arguments(client: openai.OpenAI, either: str) -> None:
    with client.chat.completions.stream(model=either, messages=user("Call get_weather"), tools=[WEATHER]) as stream:
        done = [event for event in stream if event.type == "tool_calls.function.arguments.done"]
        final = stream.get_final_completion()
    assert [event.name for event in done] == ["get_weather"] and set(done[0].parsed_arguments) == {"city", "days"}  # type: ignore[arg-type]
    assert final.choices[0].message.tool_calls


@pytest.mark.parametrize(
    "choice, called",
    [("required", True), ({"type": "function", "function": {"name": "get_weather"}}, True), ("none", False), ("auto", False)],
    ids=["required", "named", "none", "auto"],
)
def test_the_choice_of_tools_is_kept(client: openai.OpenAI, either: str, choice: Any, called: bool) -> None:
    answer = client.chat.completions.create(
        model=either, messages=user("What is the weather"), tools=[WEATHER], tool_choice=choice, parallel_tool_calls=False,
    )
    assert bool(answer.choices[0].message.tool_calls) is called


def test_a_failed_tool_and_a_result_in_parts(client: openai.OpenAI, either: str) -> None:
    messages: list[Any] = user("Call get_weather")
    first = client.chat.completions.create(model=either, messages=messages, tools=[WEATHER])
    assert first.choices[0].message.tool_calls
    result = {"role": "tool", "tool_call_id": first.choices[0].message.tool_calls[0].id, "content": [{"type": "text", "text": "no such city"}]}
    second = client.chat.completions.create(model=either, messages=[*messages, first.choices[0].message, result], tools=[WEATHER])
    assert second.choices[0].message.content


def test_an_answer_is_parsed_into_a_type(client: openai.OpenAI, model: str) -> None:
    answer = client.chat.completions.parse(model=model, messages=user("Solve 8x + 7 = -23"), response_format=Solution)
    assert isinstance(answer.choices[0].message.parsed, Solution)
    with client.chat.completions.stream(model=model, messages=user("Solve 8x + 7 = -23"), response_format=Solution) as stream:
        for _ in stream:
            pass
        assert isinstance(stream.get_final_completion().choices[0].message.parsed, Solution)


def test_arguments_are_parsed_into_a_type(client: openai.OpenAI, either: str) -> None:
    answer = client.chat.completions.parse(
        model=either, messages=user("Call solve"), tools=[openai.pydantic_function_tool(Solution, name="solve")],
    )
    assert answer.choices[0].message.tool_calls
    assert isinstance(answer.choices[0].message.tool_calls[0].function.parsed_arguments, Solution)


def test_a_json_object(client: openai.OpenAI, model: str) -> None:
    answer = client.chat.completions.create(
        model=model, messages=user("Answer in JSON"), response_format={"type": "json_object"},
    )
    if model == "claude":  # Messages has no such mode: the field is dropped with its name, the answer is whatever it is
        return
    assert isinstance(json.loads(answer.choices[0].message.content or ""), dict)
