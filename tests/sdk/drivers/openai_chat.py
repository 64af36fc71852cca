"""OpenAI's SDK, Chat Completions."""

from __future__ import annotations

import json
from typing import Any

import openai

from drivers.base import KEY, TIMEOUT, Answer, Call, Driver, Run, Tool


class OpenAiChat(Driver):
    name = "openai chat"
    endpoint = "chat_completions"
    finishes = ("stop", "tool_calls")

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.client = openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0, timeout=TIMEOUT)

    def text(self, model: str, question: str, stream: bool) -> Answer:
        return self._ask(stream, model=model, messages=[{"role": "user", "content": question}])[1]

    def tools(self, model: str, question: str, tool: Tool, run: Run, stream: bool) -> tuple[Answer, Answer]:
        function = {"name": tool.name, "description": tool.description, "parameters": tool.schema, "strict": True}
        offered = [{"type": "function", "function": function}]
        messages: list[Any] = [{"role": "user", "content": question}]
        message, first = self._ask(stream, model=model, messages=messages, tools=offered)
        results = [{"role": "tool", "tool_call_id": call.id, "content": run(call)} for call in first.calls]
        _, second = self._ask(stream, model=model, messages=[*messages, message, *results], tools=offered)
        return first, second

    def _ask(self, stream: bool, **request: Any) -> tuple[Any, Answer]:
        pieces = 1
        if stream:
            with self.client.chat.completions.stream(stream_options={"include_usage": True}, **request) as events:
                pieces = sum(event.type == "content.delta" for event in events)
                whole: Any = events.get_final_completion()
        else:
            whole = self.client.chat.completions.create(**request)
        [choice] = whole.choices
        calls = [Call(call.id, call.function.name, json.loads(call.function.arguments)) for call in choice.message.tool_calls or []]
        return choice.message, Answer(
            choice.message.content or "", choice.finish_reason, whole.usage.prompt_tokens, whole.usage.completion_tokens, calls, pieces
        )

    def close(self) -> None:
        self.client.close()
