"""Pods, made through the API server or by the command line."""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path

from cluster import Answer, Cluster, Object
from injector import Injector

SIDECAR = "llm-sidecar"
ASSIGNED = ("uid", "resourceVersion", "creationTimestamp", "namespace", "name", "managedFields", "selfLink")


def make(cluster: Cluster, namespace: str, given: Object, query: str = "") -> Answer:
    return cluster.admin.ask("POST", f"/api/v1/namespaces/{namespace}/pods{query}", given)


def made(cluster: Cluster, namespace: str, given: Object) -> Object:
    answer = make(cluster, namespace, given)
    assert answer.status == 201, answer
    stored = cluster.admin.get(f"/api/v1/namespaces/{namespace}/pods/{answer.body['metadata']['name']}")
    assert stored["spec"] == answer.body["spec"]
    return stored


def printed(binary: Path, injector: Injector, given: Object) -> tuple[Object, str]:
    """What the command line makes of it with the injector's settings, and says of it."""
    command = [binary, "inject", "--output=json", f"--settings={injector.settings}", "--native=never"]
    ran = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=False)
    return json.loads(ran.stdout), ran.stderr


def essence(stored: Object) -> Object:
    """A pod without what the server alone decides, and without the order of volumes, which it adds some to before the injector sees them."""
    stored = copy.deepcopy({"metadata": stored["metadata"], "spec": stored["spec"]})
    for key in ASSIGNED:
        stored["metadata"].pop(key, None)
    spec = stored["spec"]
    spec.get("volumes", []).sort(key=lambda volume: volume["name"])
    for one in [*spec.get("initContainers", []), *spec["containers"]]:
        one.get("volumeMounts", []).sort(key=lambda mount: mount["mountPath"])
    return stored


def containers(pod: Object) -> dict[str, Object]:
    return {c["name"]: c for c in pod["spec"]["containers"]}
