"""Amazon's SDK, boto3: Converse and ConverseStream of Bedrock."""

from __future__ import annotations

import json
from typing import Any

import boto3
from botocore.config import Config

from drivers.base import KEY, TIMEOUT, Answer, Call, Driver, Run, Tool


class BedrockConverse(Driver):
    name = "boto3"
    endpoint = "converse"
    finishes = ("end_turn", "tool_use")

    def __init__(self, url: str) -> None:
        super().__init__(url)
        # Over plain HTTP it signs, and the access key id is the client's key.
        once = Config(read_timeout=TIMEOUT, retries={"total_max_attempts": 1})
        self.client = boto3.client(
            "bedrock-runtime", endpoint_url=url, region_name="us-east-1", aws_access_key_id=KEY, aws_secret_access_key="x", config=once
        )

    def text(self, model: str, question: str, stream: bool) -> Answer:
        return self._ask(stream, modelId=model, messages=[{"role": "user", "content": [{"text": question}]}])

    def tools(self, model: str, question: str, tool: Tool, run: Run, stream: bool) -> tuple[Answer, Answer]:
        spec = {"name": tool.name, "description": tool.description, "inputSchema": {"json": tool.schema}}
        offered = {"tools": [{"toolSpec": spec}]}
        messages: list[Any] = [{"role": "user", "content": [{"text": question}]}]
        first = self._ask(stream, modelId=model, messages=messages, toolConfig=offered)
        told = [{"toolUse": {"toolUseId": call.id, "name": call.name, "input": call.arguments}} for call in first.calls]
        results = [{"toolResult": {"toolUseId": call.id, "content": [{"text": run(call)}]}} for call in first.calls]
        messages += [{"role": "assistant", "content": told}, {"role": "user", "content": results}]
        return first, self._ask(stream, modelId=model, messages=messages, toolConfig=offered)

    def _ask(self, stream: bool, **request: Any) -> Answer:
        if not stream:
            whole = self.client.converse(**request)
            blocks = whole["output"]["message"]["content"]
            calls = [Call(b["toolUse"]["toolUseId"], b["toolUse"]["name"], b["toolUse"]["input"]) for b in blocks if "toolUse" in b]
            text = "".join(block.get("text", "") for block in blocks)
            return Answer(text, whole["stopReason"], whole["usage"]["inputTokens"], whole["usage"]["outputTokens"], calls)
        texts: list[str] = []
        begun: dict[int, list[str]] = {}
        finish = usage = None
        for event in self.client.converse_stream(**request)["stream"]:
            if start := event.get("contentBlockStart", {}).get("start", {}).get("toolUse"):
                begun[event["contentBlockStart"]["contentBlockIndex"]] = [start["toolUseId"], start["name"], ""]
            if delta := event.get("contentBlockDelta"):
                if "text" in delta["delta"]:
                    texts.append(delta["delta"]["text"])
                if "toolUse" in delta["delta"]:
                    begun[delta["contentBlockIndex"]][2] += delta["delta"]["toolUse"]["input"]
            if stop := event.get("messageStop"):
                finish = stop["stopReason"]
            if metadata := event.get("metadata"):
                usage = metadata["usage"]
        assert usage
        calls = [Call(id, name, json.loads(arguments)) for id, name, arguments in begun.values()]
        return Answer("".join(texts), finish, usage["inputTokens"], usage["outputTokens"], calls, len(texts))

    def close(self) -> None:
        self.client.close()
