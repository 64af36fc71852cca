"""One API server for all tests, with the chart in it and one injector running."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import Cluster
from injector import Injector, Release


@pytest.fixture(scope="session")
def binary() -> Path:
    return Path(os.environ["LLM_SIDECAR_BIN"])


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        cluster.namespace("raw")
        cluster.namespace("shop", inject="true")
        cluster.namespace("other")
        yield cluster


@pytest.fixture(scope="session")
def release(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Release:
    release = Release(cluster, tmp_path_factory.mktemp("release"))
    release.install()
    return release


@pytest.fixture
def injector(binary: Path, release: Release, tmp_path: Path) -> Iterator[Injector]:
    with Injector(binary, release, tmp_path / "injector") as injector:
        yield injector.ready()
