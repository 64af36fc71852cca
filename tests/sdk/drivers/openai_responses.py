"""OpenAI's SDK, Responses."""

from __future__ import annotations

import json
from typing import Any

import openai

from drivers.base import KEY, TIMEOUT, Answer, Call, Driver, Run, Tool


class OpenAiResponses(Driver):
    name = "openai responses"
    endpoint = "responses"
    finishes = ("completed", "completed")

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.client = openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0, timeout=TIMEOUT)

    def text(self, model: str, question: str, stream: bool) -> Answer:
        return self._ask(stream, model=model, input=question)[1]

    def tools(self, model: str, question: str, tool: Tool, run: Run, stream: bool) -> tuple[Answer, Answer]:
        function = {"type": "function", "name": tool.name, "description": tool.description, "parameters": tool.schema, "strict": True}
        said: list[Any] = [{"role": "user", "content": question}]
        output, first = self._ask(stream, model=model, input=said, tools=[function], store=False)
        results = [{"type": "function_call_output", "call_id": call.id, "output": run(call)} for call in first.calls]
        _, second = self._ask(stream, model=model, input=[*said, *output, *results], tools=[function], store=False)
        return first, second

    def _ask(self, stream: bool, **request: Any) -> tuple[list[Any], Answer]:
        pieces = 1
        if stream:
            with self.client.responses.stream(**request) as events:
                pieces = sum(event.type == "response.output_text.delta" for event in events)
                whole: Any = events.get_final_response()
        else:
            whole = self.client.responses.create(**request)
        calls = [Call(item.call_id, item.name, json.loads(item.arguments)) for item in whole.output if item.type == "function_call"]
        usage = whole.usage
        return whole.output, Answer(whole.output_text, whole.status, usage.input_tokens, usage.output_tokens, calls, pieces)

    def close(self) -> None:
        self.client.close()
