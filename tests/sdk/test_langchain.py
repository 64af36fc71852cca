"""LangChain's ChatOpenAI: what most applications have between themselves and the SDK."""

from __future__ import annotations

import pytest
from conftest import ask
from langchain_core.messages import AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, SecretStr
from sidecar import Sidecar


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


class City(BaseModel):
    """A city and how many people live there."""

    name: str
    people: int


@pytest.fixture
def chat(sidecar: Sidecar, either: str) -> ChatOpenAI:
    return ChatOpenAI(model=either, base_url=sidecar.url("data", "/v1"), api_key=SecretStr("any"), max_retries=0, stream_usage=True)


def test_invoke(chat: ChatOpenAI) -> None:
    answer = chat.invoke([SystemMessage("Be brief."), HumanMessage(ask("What is new"))])
    assert "What is new" in str(answer.content)
    assert answer.usage_metadata and answer.usage_metadata["total_tokens"] > 0


def test_stream(chat: ChatOpenAI) -> None:
    question = ask("Count to three")
    whole: AIMessageChunk | None = None
    for chunk in chat.stream(question):
        assert isinstance(chunk, AIMessageChunk)
        whole = chunk if whole is None else whole + chunk
    assert whole and whole.content == chat.invoke(question).content
    assert whole.usage_metadata and whole.usage_metadata["output_tokens"] > 0


def test_tools(chat: ChatOpenAI) -> None:
    bound = chat.bind_tools([get_weather])
    question = HumanMessage(ask("Call get_weather"))
    first = bound.invoke([question])
    [call] = first.tool_calls
    assert call["name"] == "get_weather" and set(call["args"]) == {"city"}
    second = bound.invoke([question, first, ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"])])
    assert "sunny in" in str(second.content) and not second.tool_calls


def test_structured_output(chat: ChatOpenAI) -> None:
    for method in ("json_schema", "function_calling"):
        assert isinstance(chat.with_structured_output(City, method=method).invoke(ask("Name a city")), City)
