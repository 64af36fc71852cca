"""DashScope's SDK. Its streams tell all there is so far in each event, as it asks unless told otherwise."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

import dashscope

from drivers.base import KEY, TIMEOUT, Answer, Call, Driver, Run, Tool


class DashScope(Driver):
    name = "dashscope"
    endpoint = "dashscope_generation"
    finishes = ("stop", "tool_calls")

    def text(self, model: str, question: str, stream: bool) -> Answer:
        return self._ask(stream, model=model, messages=[{"role": "user", "content": question}])[1]

    def tools(self, model: str, question: str, tool: Tool, run: Run, stream: bool) -> tuple[Answer, Answer]:
        function = {"name": tool.name, "description": tool.description, "parameters": tool.schema}
        offered = [{"type": "function", "function": function}]
        messages: list[Any] = [{"role": "user", "content": question}]
        said, first = self._ask(stream, model=model, messages=messages, tools=offered)
        results = [{"role": "tool", "tool_call_id": call.id, "content": run(call)} for call in first.calls]
        return first, self._ask(stream, model=model, messages=[*messages, said, *results], tools=offered)[1]

    def _ask(self, stream: bool, **request: Any) -> tuple[Any, Answer]:
        dashscope.base_http_api_url = f"{self.url}/api/v1"
        asked: Any = dashscope.Generation.call(
            api_key=KEY, result_format="message", stream=stream, request_timeout=TIMEOUT, **request
        )
        events = list(asked) if stream else [asked]
        assert all(event.status_code == HTTPStatus.OK for event in events), events[-1]
        texts = [event.output.choices[0].message.content for event in events]
        assert all(later.startswith(earlier) for earlier, later in zip(texts, texts[1:], strict=False))
        last = events[-1]
        choice = last.output.choices[0]
        calls = [
            Call(call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
            for call in choice.message.get("tool_calls") or []
        ]
        usage = last.usage
        answer = Answer(texts[-1], choice.finish_reason, usage.input_tokens, usage.output_tokens, calls, len({*texts} - {""}))
        return choice.message, answer
