"""Every official SDK before every vendor's dialect: a text, and a tool's call and result; whole and streamed.

The simulator answers what only one who has read the request can: it says the question back, calls the tool with the only city
that its schema admits, and quotes the tool's result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import ask
from drivers.base import Answer, Call, Driver, Tool
from matrix import SDKS, VENDORS, Cell, cells, dialects_of_the_catalogue
from sidecar import Sidecar, Simulator, eventually

#: Model -> the endpoint, provider and manner of each request for it.
Expected = dict[str, list[tuple[str, str, bool]]]


@pytest.fixture(scope="module")
def proxy(simulator: Simulator) -> Iterator[Sidecar]:
    providers = {
        vendor: {"type": vendor, "base_url": simulator.url("simulator", path), "api_key": "key", "retry": {"attempts": 1}}
        for vendor, path in VENDORS.items()
    }
    with Sidecar({"providers": providers}) as server:
        yield server


@pytest.fixture(scope="module")
def drivers(proxy: Sidecar) -> Iterator[dict[str, Driver]]:
    made = {sdk.name: sdk(proxy.url("data")) for sdk in SDKS}
    yield made
    for driver in made.values():
        driver.close()


@pytest.fixture(scope="module")
def expected() -> Expected:
    """What the access log must hold in the end; each cell has a model of its own."""
    return {}


@pytest.mark.parametrize("cell", cells(), ids=" before ".join)
def test_cell(cell: Cell, drivers: dict[str, Driver], expected: Expected, record_property: Callable[[str, Any], None]) -> None:
    record_property("cell", cell)
    sdk, vendor, way = cell
    driver, stream = drivers[sdk], way.endswith("stream")
    model = f"{vendor}/{sdk}-{way}".replace(" ", "-")
    if way.startswith("text"):
        check_text(driver, model, stream)
    else:
        check_tools(driver, model, stream)
    expected[model] = [(driver.endpoint, vendor, stream)] * (1 if way.startswith("text") else 2)


def check_text(driver: Driver, model: str, stream: bool) -> None:
    question = ask("Grüße 😀")
    answer = driver.text(model, question, stream)
    assert answer.text == f"You said: {question}" and not answer.calls
    check_end(answer, driver.finishes[0])
    assert (answer.pieces > 1) == stream


def check_tools(driver: Driver, model: str, stream: bool) -> None:
    city, result = ask("Zürich"), ask("18 degrees")
    schema = {"type": "object", "properties": {"city": {"type": "string", "enum": [city]}}, "required": ["city"], "additionalProperties": False}
    ran: list[Call] = []

    def run(call: Call) -> str:
        ran.append(call)
        return result

    first, second = driver.tools(model, ask("Call get_weather"), Tool("get_weather", "The weather of a city", schema), run, stream)
    [call] = ran
    assert (call.name, call.arguments) == ("get_weather", {"city": city}) and first.calls == [call]
    assert call.id or not driver.has_ids
    check_end(first, driver.finishes[1])
    assert second.text == f"The tool answered: {result}" and not second.calls
    check_end(second, driver.finishes[0])


def check_end(answer: Answer, finish: str) -> None:
    assert answer.finish == finish
    assert answer.prompt_tokens and answer.completion_tokens


def test_each_request_came_in_the_sdks_dialect_and_went_to_the_columns_vendor(proxy: Sidecar, expected: Expected) -> None:
    def logged() -> Expected:
        found: Expected = {}
        for line in proxy.log_lines():
            if line.get("outcome") == "complete":
                found.setdefault(line["model"], []).append((line["endpoint"], line["provider"], line["stream"]))
        return found

    assert eventually(lambda: logged() == expected) or logged() == expected


def test_every_dialect_has_a_row_and_a_column() -> None:
    dialects = dialects_of_the_catalogue()
    assert {dialects[vendor] for vendor in VENDORS} == set(dialects.values())
