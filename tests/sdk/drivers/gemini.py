"""Google's Gen AI SDK."""

from __future__ import annotations

from typing import Any

from google import genai
from google.genai import types

from drivers.base import KEY, TIMEOUT, Answer, Call, Driver, Run, Tool


class Gemini(Driver):
    name = "google-genai"
    endpoint = "generate_content"
    finishes = ("STOP", "STOP")
    has_ids = False

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=url, timeout=int(TIMEOUT * 1000)))

    def text(self, model: str, question: str, stream: bool) -> Answer:
        return self._ask(stream, model=model, contents=question)[1]

    def tools(self, model: str, question: str, tool: Tool, run: Run, stream: bool) -> tuple[Answer, Answer]:
        function = types.FunctionDeclaration(name=tool.name, description=tool.description, parameters_json_schema=tool.schema)
        config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[function])])
        contents = [types.Content(role="user", parts=[types.Part(text=question)])]
        parts, first = self._ask(stream, model=model, contents=contents, config=config)
        results = [
            types.Part(function_response=types.FunctionResponse(id=call.id or None, name=call.name, response={"output": run(call)}))
            for call in first.calls
        ]
        contents += [types.Content(role="model", parts=parts), types.Content(role="user", parts=results)]
        return first, self._ask(stream, model=model, contents=contents, config=config)[1]

    def _ask(self, stream: bool, **request: Any) -> tuple[list[types.Part], Answer]:
        models = self.client.models
        answers = list(models.generate_content_stream(**request)) if stream else [models.generate_content(**request)]
        parts: list[types.Part] = []
        for answer in answers:
            for candidate in answer.candidates or []:
                parts += (candidate.content and candidate.content.parts) or []
        calls = [Call(c.id or "", c.name or "", dict(c.args or {})) for c in (part.function_call for part in parts) if c]
        texts = [part.text for part in parts if part.text]
        [finish] = [c.finish_reason for answer in answers for c in answer.candidates or [] if c.finish_reason]
        usage = answers[-1].usage_metadata
        assert usage
        return parts, Answer("".join(texts), finish.value, usage.prompt_token_count, usage.candidates_token_count, calls, len(texts))

    def close(self) -> None:
        self.client.close()
