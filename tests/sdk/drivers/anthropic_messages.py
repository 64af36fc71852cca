"""Anthropic's SDK."""

from __future__ import annotations

from typing import Any

import anthropic

from drivers.base import KEY, TIMEOUT, Answer, Call, Driver, Run, Tool


class AnthropicMessages(Driver):
    name = "anthropic"
    endpoint = "messages"
    finishes = ("end_turn", "tool_use")

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.client = anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0, timeout=TIMEOUT)

    def text(self, model: str, question: str, stream: bool) -> Answer:
        return self._ask(stream, model=model, messages=[{"role": "user", "content": question}])[1]

    def tools(self, model: str, question: str, tool: Tool, run: Run, stream: bool) -> tuple[Answer, Answer]:
        offered = [{"name": tool.name, "description": tool.description, "input_schema": tool.schema}]
        messages: list[Any] = [{"role": "user", "content": question}]
        content, first = self._ask(stream, model=model, messages=messages, tools=offered)
        results = [{"type": "tool_result", "tool_use_id": call.id, "content": run(call)} for call in first.calls]
        messages += [{"role": "assistant", "content": content}, {"role": "user", "content": results}]
        return first, self._ask(stream, model=model, messages=messages, tools=offered)[1]

    def _ask(self, stream: bool, **request: Any) -> tuple[list[Any], Answer]:
        pieces = 1
        if stream:
            with self.client.messages.stream(max_tokens=1000, **request) as events:
                pieces = sum(1 for _ in events.text_stream)
                whole: Any = events.get_final_message()
        else:
            whole = self.client.messages.create(max_tokens=1000, **request)
        text = "".join(block.text for block in whole.content if block.type == "text")
        calls = [Call(block.id, block.name, block.input) for block in whole.content if block.type == "tool_use"]
        return whole.content, Answer(text, whole.stop_reason, whole.usage.input_tokens, whole.usage.output_tokens, calls, pieces)

    def close(self) -> None:
        self.client.close()
