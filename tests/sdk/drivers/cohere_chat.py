"""Cohere's SDK."""

from __future__ import annotations

import json
from typing import Any

import cohere

from drivers.base import KEY, TIMEOUT, Answer, Call, Driver, Run, Tool


class CohereChat(Driver):
    name = "cohere"
    endpoint = "cohere_chat"
    finishes = ("COMPLETE", "TOOL_CALL")

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.client = cohere.ClientV2(api_key=KEY, base_url=url, timeout=TIMEOUT)

    def text(self, model: str, question: str, stream: bool) -> Answer:
        return self._ask(stream, model=model, messages=[{"role": "user", "content": question}])[1]

    def tools(self, model: str, question: str, tool: Tool, run: Run, stream: bool) -> tuple[Answer, Answer]:
        function = {"name": tool.name, "description": tool.description, "parameters": tool.schema}
        offered = [{"type": "function", "function": function}]
        messages: list[Any] = [{"role": "user", "content": question}]
        plan, first = self._ask(stream, model=model, messages=messages, tools=offered)
        told = [{"id": c.id, "type": "function", "function": {"name": c.name, "arguments": json.dumps(c.arguments)}} for c in first.calls]
        messages.append({"role": "assistant", "tool_plan": plan, "tool_calls": told})
        for call in first.calls:
            document = {"type": "document", "document": {"data": {"text": run(call)}}}
            messages.append({"role": "tool", "tool_call_id": call.id, "content": [document]})
        return first, self._ask(stream, model=model, messages=messages, tools=offered)[1]

    def _ask(self, stream: bool, **request: Any) -> tuple[str, Answer]:
        """The tool plan and the answer."""
        if not stream:
            whole = self.client.chat(**request)
            calls = [_call(c.id, c.function.name, c.function.arguments) for c in whole.message.tool_calls or []]
            text = "".join(block.text for block in whole.message.content or [] if block.type == "text")
            tokens = whole.usage.tokens
            return whole.message.tool_plan or "", Answer(text, whole.finish_reason, tokens.input_tokens, tokens.output_tokens, calls)
        texts: list[str] = []
        plan: list[str] = []
        told: list[list[str]] = []
        end = None
        for event in self.client.chat_stream(**request):
            assert end is None
            match event.type:
                case "content-delta":
                    texts.append(event.delta.message.content.text)
                case "tool-plan-delta":
                    plan.append(event.delta.message.tool_plan)
                case "tool-call-start":
                    begun = event.delta.message.tool_calls
                    told.append([begun.id, begun.function.name, begun.function.arguments])
                case "tool-call-delta":
                    told[event.index][2] += event.delta.message.tool_calls.function.arguments
                case "message-end":
                    end = event.delta
        assert end
        calls = [_call(*call) for call in told]
        tokens = end.usage.tokens
        return "".join(plan), Answer("".join(texts), end.finish_reason, tokens.input_tokens, tokens.output_tokens, calls, len(texts))


def _call(id: str, name: str, arguments: str) -> Call:
    return Call(id, name, json.loads(arguments))
