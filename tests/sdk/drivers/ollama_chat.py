"""Ollama's SDK."""

from __future__ import annotations

from typing import Any

import ollama

from drivers.base import TIMEOUT, Answer, Call, Driver, Run, Tool


class OllamaChat(Driver):
    name = "ollama"
    endpoint = "ollama_chat"
    finishes = ("stop", "stop")
    has_ids = False

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.client = ollama.Client(host=url, timeout=TIMEOUT)

    def text(self, model: str, question: str, stream: bool) -> Answer:
        return self._ask(stream, model=model, messages=[{"role": "user", "content": question}])[1]

    def tools(self, model: str, question: str, tool: Tool, run: Run, stream: bool) -> tuple[Answer, Answer]:
        function = {"name": tool.name, "description": tool.description, "parameters": tool.schema}
        offered = [{"type": "function", "function": function}]
        messages: list[Any] = [{"role": "user", "content": question}]
        said, first = self._ask(stream, model=model, messages=messages, tools=offered)
        results = [{"role": "tool", "tool_name": call.name, "content": run(call)} for call in first.calls]
        return first, self._ask(stream, model=model, messages=[*messages, *said, *results], tools=offered)[1]

    def _ask(self, stream: bool, **request: Any) -> tuple[list[ollama.Message], Answer]:
        asked: Any = self.client.chat(stream=stream, **request)
        answers: list[ollama.ChatResponse] = list(asked) if stream else [asked]
        texts = [answer.message.content for answer in answers if answer.message.content]
        said = [answer.message for answer in answers if answer.message.tool_calls]
        calls = [Call("", c.function.name, dict(c.function.arguments)) for message in said for c in message.tool_calls or []]
        last = answers[-1]
        assert last.done and not any(answer.done for answer in answers[:-1])
        return said, Answer("".join(texts), last.done_reason, last.prompt_eval_count, last.eval_count, calls, len(texts))
