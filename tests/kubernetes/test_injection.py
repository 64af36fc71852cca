"""The webhook and the command line do the same to every pod, and what they make is a pod that Kubernetes takes."""

from __future__ import annotations

import base64
import copy
import json
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonpatch
import kubernetes_validate
import pytest
from reviews import VERSIONS, defaulted, minor, review
from security import violations
from shapes import INJECT, SHAPES, container, pod
from webhook import Webhook

Pod = dict[str, Any]
HOSTS = ("NO_PROXY", "no_proxy")


@pytest.fixture(scope="module")
def webhooks(binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[bool, Webhook]]:
    """For clusters with native sidecars, and for those without."""
    with (
        Webhook(binary, tmp_path_factory.mktemp("native"), "native: auto\n") as native,
        Webhook(binary, tmp_path_factory.mktemp("plain"), "native: never\n") as plain,
    ):
        yield {True: native, False: plain}


def command(binary: Path, action: str, pods: list[Pod], *arguments: str) -> tuple[list[Pod], str]:
    """Pods through the command line, one stream of JSON in and out; and what it says of them."""
    text = "\n".join(json.dumps(given) for given in pods)
    ran = subprocess.run([binary, action, "--output=json", *arguments], input=text, capture_output=True, text=True, check=False)
    decoder, made, at = json.JSONDecoder(), [], 0
    while at < len(ran.stdout):
        value, at = decoder.raw_decode(ran.stdout, at)
        made.append(value)
        at += len(ran.stdout[at:]) - len(ran.stdout[at:].lstrip())
    return made, ran.stderr


def patched(given: Pod, response: dict[str, Any]) -> Pod:
    """The pod after the response's patch, by a library of someone else's."""
    assert response["allowed"] is True
    if "patch" not in response:
        return given
    assert response["patchType"] == "JSONPatch"
    return jsonpatch.JsonPatch.from_string(base64.b64decode(response["patch"]).decode()).apply(given)


def containers(given: Pod) -> dict[str, Pod]:
    return {c["name"]: c for c in [*given["spec"].get("initContainers", []), *given["spec"]["containers"]]}


@pytest.mark.parametrize("version", VERSIONS)
def test_webhook_and_command_line_agree(version: str, binary: Path, webhooks: dict[bool, Webhook]) -> None:
    native = minor(version) >= 29
    tls = ssl.TLSVersion.TLSv1_3 if native else ssl.TLSVersion.TLSv1_2
    webhook = webhooks[native]
    pods = {name: defaulted(given, version) for name, (_, given) in SHAPES.items()}
    printed, said = command(binary, "inject", list(pods.values()), f"--native={'auto' if native else 'never'}")
    assert len(printed) == 50
    fates = {"injected": 0, "left": 0, "refused": 0}
    for (name, given), by_command in zip(pods.items(), printed, strict=True):
        wanted = SHAPES[name][0]
        if wanted == "native":
            wanted = "injected" if native else "refused"
        if wanted == "refused" and INJECT not in given["metadata"].get("labels", {}):
            raise AssertionError(f"{name}: only pods that ask themselves are refused")
        before = copy.deepcopy(given)
        response = webhook.ask(review(given, version), tls)
        fates[wanted] += 1
        if wanted == "refused":
            assert response["allowed"] is False, name
            assert response["status"]["message"].removeprefix("llm-sidecar: ") in said, name
            assert by_command == before, name
            continue
        by_webhook = patched(given, response)
        assert by_webhook == by_command, name
        if wanted == "left":
            assert by_webhook == before, name
            continue
        assert by_webhook != before, name
        check(name, before, by_webhook, version, native)
        again = webhook.ask(review(by_webhook, version), tls)
        assert again["allowed"] and "patch" not in again, f"{name}: the second time changes it"
    assert fates == ({"injected": 44, "left": 2, "refused": 4} if native else {"injected": 41, "left": 2, "refused": 7})
    # The way back leads to where it began.
    back, _ = command(binary, "uninject", printed)
    for (name, given), after in zip(pods.items(), back, strict=True):
        if SHAPES[name][0] != "refused" and name != "environment forced":
            assert plain(after) == plain(given), name


def plain(given: Pod) -> Pod:
    """Without what says nothing: metadata with nothing in it, a variable's empty value."""
    given = {"metadata": {}, **copy.deepcopy(given)}
    for one in containers(given).values():
        for variable in one.get("env", []):
            if variable.get("value") == "":
                del variable["value"]
    return given


def check(name: str, before: Pod, after: Pod, version: str, native: bool) -> None:
    own, made = containers(before), containers(after)
    sidecar = made["llm-sidecar"]
    first = after["spec"]["initContainers" if native else "containers"][0]
    assert first == sidecar and sidecar.get("restartPolicy") == ("Always" if native else None), name
    # No newer field for an older cluster; the oldest schema there is is 1.25's.
    if minor(version) >= 25:
        kubernetes_validate.validate(after, version, strict=True)
    # It keeps no pod out of where it was let in before.
    assert set(violations(after)) == set(violations(before)), name
    assert not any("subPath" in mount for mount in sidecar["volumeMounts"]), name
    forced = "llm-sidecar.dev/env" in before["metadata"].get("annotations", {})
    for which, given in own.items():
        if forced:
            continue
        variables = {v["name"]: v for v in made[which].get("env", [])}
        for variable in given.get("env", []):
            if variable["name"] in HOSTS:
                assert variables[variable["name"]]["value"].startswith(variable.get("value", "")), name
            else:
                assert variables[variable["name"]] == variable, name
        assert {k: v for k, v in made[which].items() if k != "env"} == {k: v for k, v in given.items() if k != "env"}, name
    if name == "of istio":
        assert "env" not in made["istio-proxy"]
    rest = {k: v for k, v in after["spec"].items() if k not in ("containers", "initContainers", "volumes")}
    assert rest == {k: v for k, v in before["spec"].items() if k not in ("containers", "initContainers", "volumes")}, name


def test_what_another_webhook_adds_later_is_completed(webhooks: dict[bool, Webhook]) -> None:
    given = defaulted(pod(), "1.33")
    once = patched(given, webhooks[True].ask(review(given, "1.33")))
    once["spec"]["containers"].append(container("late"))
    twice = patched(once, webhooks[True].ask(review(once, "1.33")))
    assert [v["name"] for v in containers(twice)["late"]["env"]] == [v["name"] for v in containers(twice)["app"]["env"]]
    assert [c["name"] for c in twice["spec"]["initContainers"]] == ["llm-sidecar"]


def test_a_dry_run_is_answered_alike(webhooks: dict[bool, Webhook]) -> None:
    asked = review(defaulted(pod(), "1.33"), "1.33")
    dry = copy.deepcopy(asked)
    dry["request"]["dryRun"] = True
    assert webhooks[True].ask(asked) == webhooks[True].ask(dry)


TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container()]}}
JOB = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container()], "restartPolicy": "Never"}}
SELECTOR = {"matchLabels": {"a": "b"}}


@pytest.mark.parametrize(
    ("version", "kind", "spec"),
    [
        ("apps/v1", "Deployment", {"selector": SELECTOR, "template": TEMPLATE}),
        ("apps/v1", "StatefulSet", {"selector": SELECTOR, "serviceName": "s", "template": TEMPLATE}),
        ("apps/v1", "DaemonSet", {"selector": SELECTOR, "template": TEMPLATE}),
        ("apps/v1", "ReplicaSet", {"selector": SELECTOR, "template": TEMPLATE}),
        ("v1", "ReplicationController", {"selector": {"a": "b"}, "template": TEMPLATE}),
        ("batch/v1", "Job", {"template": JOB}),
        ("batch/v1", "CronJob", {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": JOB}}}),
    ],
)
def test_every_kind_stays_valid_and_leads_back(version: str, kind: str, spec: dict[str, Any], binary: Path) -> None:
    given = {"apiVersion": version, "kind": kind, "metadata": {"name": "n"}, "spec": spec}
    (made,), _ = command(binary, "inject", [given])
    assert made != given and "llm-sidecar" in json.dumps(made)
    for kubernetes in ("1.29", "1.33", "1.37"):
        kubernetes_validate.validate(made, kubernetes, strict=True)
    assert command(binary, "inject", [made])[0] == [made]
    assert command(binary, "uninject", [made])[0] == [given]
