"""Ollama's SDK, `generate`."""

from __future__ import annotations

from typing import Any

import ollama

from drivers.base import TIMEOUT, Answer, Driver, Run, Tool


class OllamaGenerate(Driver):
    name = "ollama generate"
    endpoint = "ollama_generate"
    finishes = ("stop", "")
    has_tools = False

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.client = ollama.Client(host=url, timeout=TIMEOUT)

    def text(self, model: str, question: str, stream: bool) -> Answer:
        asked: Any = self.client.generate(model=model, prompt=question, stream=stream)
        answers: list[ollama.GenerateResponse] = list(asked) if stream else [asked]
        texts = [answer.response for answer in answers if answer.response]
        last = answers[-1]
        assert last.done and not any(answer.done for answer in answers[:-1])
        return Answer("".join(texts), last.done_reason, last.prompt_eval_count, last.eval_count, [], len(texts))

    def tools(self, model: str, question: str, tool: Tool, run: Run, stream: bool) -> tuple[Answer, Answer]:
        raise NotImplementedError
