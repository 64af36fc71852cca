"""OpenAI's SDK, the older Completions."""

from __future__ import annotations

from typing import Any

import openai

from drivers.base import KEY, TIMEOUT, Answer, Driver, Run, Tool


class OpenAiCompletions(Driver):
    name = "openai completions"
    endpoint = "completions"
    finishes = ("stop", "")
    has_tools = False

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.client = openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0, timeout=TIMEOUT)

    def text(self, model: str, question: str, stream: bool) -> Answer:
        more: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
        asked: Any = self.client.completions.create(model=model, prompt=question, max_tokens=1000, **more)
        answers = list(asked) if stream else [asked]
        choices = [choice for answer in answers for choice in answer.choices]
        texts = [choice.text for choice in choices if choice.text]
        [finish] = [choice.finish_reason for choice in choices if choice.finish_reason]
        usage = answers[-1].usage
        return Answer("".join(texts), finish, usage.prompt_tokens, usage.completion_tokens, [], len(texts))

    def tools(self, model: str, question: str, tool: Tool, run: Run, stream: bool) -> tuple[Answer, Answer]:
        raise NotImplementedError

    def close(self) -> None:
        self.client.close()
