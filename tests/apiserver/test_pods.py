"""Pods made through a real API server: what it stores is what the command line prints, and whom the injector does not concern it never sees."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from cluster import Cluster, Object
from injector import Injector
from pods import SIDECAR, containers, essence, made, make, printed
from shapes import INJECT, SHAPES, container, pod


def accepted(name: str) -> tuple[str, Object]:
    """A shape as this server can take it."""
    fate, given = SHAPES[name]
    given = copy.deepcopy(given)
    if name == "no metadata":
        given["metadata"] = {"generateName": "x-"}
    if name == "odd label names":
        for keys in (given["metadata"]["labels"], given["metadata"]["annotations"]):
            for key in [key for key in keys if "~" in key]:
                del keys[key]
    if name == "windows":
        # Before 1.23 it knows no `os`.
        given["spec"] = {**pod()["spec"], "nodeSelector": {"kubernetes.io/os": "windows"}}
    if name == "asked by annotation":
        # Before 1.30 it cannot choose by annotations: the namespace's label does.
        assert given["metadata"]["annotations"] == {INJECT: "true"}
    return fate, given


@pytest.fixture(scope="module", autouse=True)
def high_priority(cluster: Cluster) -> None:
    cluster.admin.create("/apis/scheduling.k8s.io/v1/priorityclasses", {"metadata": {"name": "high"}, "value": 1000})


def test_what_is_stored_is_what_the_command_line_prints(cluster: Cluster, injector: Injector, binary: Path) -> None:
    fates = {"injected": 0, "left": 0, "refused": 0}
    for name in SHAPES:
        fate, given = accepted(name)
        if fate == "native":
            # This server is older than native sidecars, which the injector has found out by itself.
            fate = "refused"
        fates[fate] += 1
        by_command, said = printed(binary, injector, given)
        if fate == "refused":
            answer = make(cluster, "shop", given)
            assert answer.status == 400, f"{name}: {answer}"
            reason = answer.message.split("denied the request: llm-sidecar: ")[1]
            assert reason in said, name
            assert by_command == given, name
            continue
        stored = made(cluster, "shop", given)
        # In `raw` nothing is injected: the server adds its defaults to what was injected before.
        assert essence(stored) == essence(made(cluster, "raw", by_command)), name
        assert (SIDECAR in containers(stored)) == (fate == "injected"), name
        if fate == "injected":
            first = stored["spec"]["containers"][0]
            assert first["name"] == SIDECAR and "restartPolicy" not in first, name
            assert not any(c["name"] == SIDECAR for c in stored["spec"].get("initContainers", [])), name
    assert fates == {"injected": 41, "left": 2, "refused": 7}
    assert injector.counts()["injected", "none"] >= 41


def test_pods_that_do_not_ask_are_never_seen(cluster: Cluster, injector: Injector) -> None:
    before = injector.counts()
    unlabelled = {**pod(), "metadata": {"generateName": "x-", "annotations": {INJECT: "true"}}}
    for namespace, given in [
        ("other", unlabelled), ("other", pod(labels={INJECT: "false"})), ("shop", pod(labels={INJECT: "false"})), ("raw", pod()),
    ]:
        stored = made(cluster, namespace, given)
        assert set(containers(stored)) == {"app"} and "env" not in containers(stored)["app"]
        assert len(stored["spec"]["volumes"]) == 1
        assert stored["metadata"].get("labels", {}) == given["metadata"].get("labels", {})
    assert injector.counts() == before


def test_a_pods_own_label_is_enough(cluster: Cluster, injector: Injector) -> None:
    assert SIDECAR in containers(made(cluster, "other", pod()))


def test_whom_nobody_asked_passes_with_a_warning(cluster: Cluster, injector: Injector) -> None:
    """Its namespace wants the sidecar, it cannot have it: a pod of the network's, a job on a cluster without native sidecars."""
    for spec, reason, words in [({"hostNetwork": True}, "host_network", "gateway"), ({"restartPolicy": "Never"}, "job", "1.29")]:
        given = {**pod(**spec), "metadata": {"generateName": "x-"}}
        answer = make(cluster, "shop", given)
        assert answer.status == 201 and set(containers(answer.body)) == {"app"}
        assert len(answer.warnings) == 1 and words in answer.warnings[0], answer.warnings
        assert injector.counts()["skipped", reason] == 1


def test_jobs_are_refused_where_they_would_never_end(cluster: Cluster, injector: Injector, binary: Path) -> None:
    template = {"metadata": {"labels": {INJECT: "true"}}, "spec": {"containers": [container()], "restartPolicy": "Never"}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "train"}, "spec": {"template": template}}
    stored = cluster.admin.create("/apis/batch/v1/namespaces/shop/jobs", job)
    # As the job's controller makes it.
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "train", "uid": stored["metadata"]["uid"], "controller": True}
    labels = stored["spec"]["template"]["metadata"]["labels"]
    given = {"metadata": {"generateName": "train-", "labels": labels, "ownerReferences": [owner]}, "spec": stored["spec"]["template"]["spec"]}
    refused = make(cluster, "shop", given)
    assert refused.status == 400 and "native sidecars need Kubernetes 1.29" in refused.message
    # A native sidecar that is asked for by force is what this server itself refuses.
    given["metadata"]["annotations"] = {"llm-sidecar.dev/native": "true"}
    forced = make(cluster, "shop", given)
    assert forced.status == 422 and "initContainers[0].startupProbe" in forced.message


def test_dry_runs_are_answered_alike_and_store_nothing(cluster: Cluster, injector: Injector) -> None:
    given = pod()
    given["metadata"] = {"name": "dry", "labels": {INJECT: "true"}}
    dry = make(cluster, "shop", given, "?dryRun=All")
    assert dry.status == 201 and SIDECAR in containers(dry.body)
    assert cluster.admin.ask("GET", "/api/v1/namespaces/shop/pods/dry").status == 404
    assert essence(made(cluster, "shop", given)) == essence(dry.body)


KINDS: list[tuple[str, str, dict[str, Any]]] = [
    ("/apis/apps/v1", "Deployment", {}), ("/apis/apps/v1", "StatefulSet", {"serviceName": "s"}), ("/apis/apps/v1", "DaemonSet", {}),
    ("/apis/apps/v1", "ReplicaSet", {}), ("/api/v1", "ReplicationController", {"selector": {"app": "web"}}),
]


@pytest.mark.parametrize(("group", "kind", "more"), KINDS, ids=lambda value: value if isinstance(value, str) else "")
def test_every_kind_that_is_injected_by_hand_is_taken(
    group: str, kind: str, more: dict[str, Any], cluster: Cluster, injector: Injector, binary: Path,
) -> None:
    template = {"metadata": {"labels": {"app": "web", INJECT: "true"}}, "spec": {"containers": [container()]}}
    given = {"apiVersion": group.removeprefix("/apis/").removeprefix("/api/"), "kind": kind, "metadata": {"name": "web"},
             "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template, **more}}
    by_command, _ = printed(binary, injector, given)
    answer = cluster.admin.ask("POST", f"{group}/namespaces/shop/{kind.lower()}s", by_command)
    assert answer.status == 201, answer
    stored = answer.body["spec"]["template"]
    # The pods that its controller makes want nothing more of the injector.
    before = injector.counts().get(("unchanged", "none"), 0)
    from_template = {"metadata": {"generateName": "web-", **stored["metadata"]}, "spec": stored["spec"]}
    assert [c["name"] for c in made(cluster, "shop", from_template)["spec"]["containers"]] == [SIDECAR, "app"]
    assert injector.counts()["unchanged", "none"] == before + 1


def test_the_injectors_words_reach_whoever_made_the_pod(cluster: Cluster, injector: Injector) -> None:
    given = pod(container(envFrom=[{"secretRef": {"name": "keys"}}]))
    answer = make(cluster, "shop", given)
    assert answer.status == 201 and any("llm-sidecar: " in warning and "envFrom" in warning for warning in answer.warnings), answer.warnings
