"""What the tests of the chart, the injector and the image share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def binary() -> Path:
    path = Path(os.environ.get("LLM_SIDECAR_BIN", PROJECT / "target/debug/llm-sidecar"))
    assert path.is_file(), f"{path} is not built: cargo build"
    return path.resolve()
