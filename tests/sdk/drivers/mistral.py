"""Mistral's SDK."""

from __future__ import annotations

import json
from typing import Any

from mistralai.client import Mistral as Client

from drivers.base import KEY, TIMEOUT, Answer, Call, Driver, Run, Tool


class Mistral(Driver):
    name = "mistralai"
    endpoint = "chat_completions"
    finishes = ("stop", "tool_calls")

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.client = Client(api_key=KEY, server_url=url, timeout_ms=int(TIMEOUT * 1000))

    def text(self, model: str, question: str, stream: bool) -> Answer:
        return self._ask(stream, model=model, messages=[{"role": "user", "content": question}])

    def tools(self, model: str, question: str, tool: Tool, run: Run, stream: bool) -> tuple[Answer, Answer]:
        function = {"name": tool.name, "description": tool.description, "parameters": tool.schema}
        offered = [{"type": "function", "function": function}]
        messages: list[Any] = [{"role": "user", "content": question}]
        first = self._ask(stream, model=model, messages=messages, tools=offered)
        told = [{"id": c.id, "type": "function", "function": {"name": c.name, "arguments": json.dumps(c.arguments)}} for c in first.calls]
        messages.append({"role": "assistant", "content": first.text, "tool_calls": told})
        messages += [{"role": "tool", "tool_call_id": call.id, "name": call.name, "content": run(call)} for call in first.calls]
        return first, self._ask(stream, model=model, messages=messages, tools=offered)

    def _ask(self, stream: bool, **request: Any) -> Answer:
        if not stream:
            whole = self.client.chat.complete(**request)
            [choice] = whole.choices
            calls = [Call(c.id or "", c.function.name, _object(c.function.arguments)) for c in choice.message.tool_calls or []]
            usage = whole.usage
            return Answer(choice.message.content or "", choice.finish_reason, usage.prompt_tokens, usage.completion_tokens, calls)
        texts: list[str] = []
        told: dict[int, list[str]] = {}
        finish = usage = None
        with self.client.chat.stream(**request) as events:
            for event in events:
                usage = event.data.usage or usage
                for choice in event.data.choices:
                    finish = choice.finish_reason or finish
                    texts += [choice.delta.content] if choice.delta.content else []
                    for call in choice.delta.tool_calls or []:
                        parts = told.setdefault(call.index or 0, ["", "", ""])
                        parts[0] = parts[0] or call.id or ""
                        parts[1] = parts[1] or call.function.name
                        parts[2] += str(call.function.arguments)
        assert usage
        calls = [Call(id, name, json.loads(arguments)) for id, name, arguments in told.values()]
        return Answer("".join(texts), finish, usage.prompt_tokens, usage.completion_tokens, calls, len(texts))


def _object(arguments: Any) -> dict[str, Any]:
    return arguments if isinstance(arguments, dict) else json.loads(arguments)
