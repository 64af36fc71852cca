"""Renders the chart, and finds things in what comes out."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[2]
CHART = PROJECT / "helm/llm-sidecar"
HELM = PROJECT / ".tools/bin/helm"
VALUES = sorted(CHART.glob("ci/*-values.yaml"))
# The oldest the chart takes, one without native sidecars less, and the newest whose schema there is.
VERSIONS = ["1.25", "1.29", "1.33", "1.37"]

Manifest = dict[str, Any]


def helm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HELM, *arguments], capture_output=True, text=True, check=False, timeout=60)


def template(*arguments: str | Path, version: str = "1.33", operator: bool = True) -> subprocess.CompletedProcess[str]:
    apis = ["--api-versions", "monitoring.coreos.com/v1"] if operator else []
    return helm("template", "r", CHART, "--namespace", "llm", "--kube-version", version, *apis, *arguments)


@cache
def render(values: Path | None, version: str = "1.33") -> str:
    rendered = template(*(["--values", values] if values else []), version=version)
    assert rendered.returncode == 0, rendered.stderr
    return rendered.stdout


def manifests(text: str) -> list[Manifest]:
    return [document for document in yaml.safe_load_all(text) if document]


def pod_specs(manifest: Manifest) -> Iterator[Manifest]:
    """The pods, or templates of pods, in it."""
    match manifest["kind"]:
        case "Pod":
            yield manifest
        case "Deployment" | "Job":
            yield manifest["spec"]["template"]


def containers(pod: Manifest) -> list[Manifest]:
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def named(found: list[Manifest], kind: str, name: str | None = None) -> list[Manifest]:
    return [m for m in found if m["kind"] == kind and name in (None, m["metadata"]["name"])]
