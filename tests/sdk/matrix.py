"""The matrix of every SDK before every vendor: which cells there are, and what the test run tells of them."""

from __future__ import annotations

import re

import pytest
from drivers.anthropic_messages import AnthropicMessages
from drivers.base import Driver
from drivers.bedrock_converse import BedrockConverse
from drivers.cohere_chat import CohereChat
from drivers.dashscope_generation import DashScope
from drivers.gemini import Gemini
from drivers.mistral import Mistral
from drivers.ollama_chat import OllamaChat
from drivers.ollama_generate import OllamaGenerate
from drivers.openai_chat import OpenAiChat
from drivers.openai_completions import OpenAiCompletions
from drivers.openai_responses import OpenAiResponses
from sidecar import ROOT

SDKS: list[type[Driver]] = [
    OpenAiChat,
    OpenAiResponses,
    OpenAiCompletions,
    AnthropicMessages,
    Gemini,
    OllamaChat,
    OllamaGenerate,
    BedrockConverse,
    CohereChat,
    DashScope,
    Mistral,
]
#: The provider types that stand for their dialects, and the path of the base URL that their own SDKs take.
VENDORS = {
    "openai": "/v1",
    "openai_responses": "/v1",
    "openai_completions": "/v1",
    "anthropic": "",
    "gemini": "",
    "ollama": "",
    "ollama_generate": "",
    "cohere": "",
    "bedrock": "",
    "qwen_native": "/api/v1",
}
#: Vendors whose API knows no tools.
TOOLLESS = {"openai_completions", "ollama_generate"}
WAYS = ("text", "text stream", "tools", "tools stream")

Cell = tuple[str, str, str]


def ways(sdk: type[Driver], vendor: str) -> tuple[str, ...]:
    return WAYS if sdk.has_tools and vendor not in TOOLLESS else WAYS[:2]


def cells() -> list[Cell]:
    return [(sdk.name, vendor, way) for sdk in SDKS for vendor in VENDORS for way in ways(sdk, vendor)]


def dialects_of_the_catalogue() -> dict[str, str]:
    """Vendor -> its dialect, of every row of the catalogue."""
    text = (ROOT / "src/vendor/catalogue.yaml").read_text()
    return dict(re.findall(r"^- id: (\w+)\n(?:  .*\n)*?  dialect: (\w+)$", text, re.MULTILINE))


class Matrix:
    """A pytest plugin: gathers the outcome of each cell, prints the table, and fails a whole run that lacks a cell."""

    def __init__(self, config: pytest.Config) -> None:
        self.outcomes: dict[Cell, str] = {}
        option = config.option
        #: Only some tests were asked for.
        self.is_partial = bool(option.keyword or option.markexpr or option.collectonly or any("::" in part for part in config.args))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, cell in report.user_properties:
            if name == "cell" and (report.when == "call" or report.outcome == "failed"):
                self.outcomes[tuple(cell)] = report.outcome

    def missing(self) -> list[Cell]:
        """The cells of which nothing is known although they were asked for."""
        return [] if self.is_partial else [cell for cell in cells() if self.outcomes.get(cell) not in ("passed", "failed")]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.outcomes and self.missing() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.outcomes:
            return
        write = terminalreporter.write_line
        terminalreporter.section("every SDK before every vendor")
        write(f"each cell: {', '.join(WAYS)} (+ passed, F failed, ? missing, . the API knows no tools)")
        width = max(len(sdk.name) for sdk in SDKS)
        write(" " * width + "".join(f"  {vendor}" for vendor in VENDORS))
        for sdk in SDKS:
            write(sdk.name.ljust(width) + "".join(f"  {self._cell(sdk, vendor):<{len(vendor)}}" for vendor in VENDORS))
        passed = sum(outcome == "passed" for outcome in self.outcomes.values())
        write(f"{passed} of {len(cells())} passed")
        for cell in self.missing():
            write(f"missing: {', '.join(cell)}")

    def _cell(self, sdk: type[Driver], vendor: str) -> str:
        marks = {"passed": "+", "failed": "F"}
        return "".join(marks.get(self.outcomes.get((sdk.name, vendor, way), ""), "?") if way in ways(sdk, vendor) else "." for way in WAYS)
