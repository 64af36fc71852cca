"""What a driver of an official SDK does, in words that all SDKs share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

KEY = "any"
TIMEOUT = 20.0


@dataclass(frozen=True)
class Tool:
    name: str
    description: str
    schema: dict[str, Any]


@dataclass(frozen=True)
class Call:
    """A tool call; `id` is empty where the SDK's API has none."""

    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Answer:
    text: str
    #: Why the answer ended, in the API's own word.
    finish: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    calls: list[Call] = field(default_factory=list)
    #: In how many pieces the text came.
    pieces: int = 1


#: Runs a tool: what the application does between the two turns.
Run = Callable[[Call], str]


class Driver(ABC):
    """One official SDK, used as its documentation tells, with nothing changed but the address."""

    name: ClassVar[str]
    #: What the access log calls the endpoint that the SDK asks.
    endpoint: ClassVar[str]
    #: What `Answer.finish` is after a text and after a tool call.
    finishes: ClassVar[tuple[str, str]]
    #: The API knows tools.
    has_tools: ClassVar[bool] = True
    #: Calls have ids.
    has_ids: ClassVar[bool] = True

    def __init__(self, url: str) -> None:
        self.url = url

    @abstractmethod
    def text(self, model: str, question: str, stream: bool) -> Answer:
        """Asks for a text."""

    @abstractmethod
    def tools(self, model: str, question: str, tool: Tool, run: Run, stream: bool) -> tuple[Answer, Answer]:
        """Has a tool called and tells its result: the answer with the call, and the one to the result."""

    def close(self) -> None:
        """Lets connections go."""
