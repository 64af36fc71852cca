"""Fifty pods as people write them, each with what is to become of it."""

from __future__ import annotations

import copy
from typing import Any

Pod = dict[str, Any]

INJECT = "llm-sidecar.dev/inject"
RESTRICTED = {
    "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"},
}


def container(name: str = "app", **more: Any) -> Pod:
    return {"name": name, "image": f"registry.example.com/{name}:1", **more}


def pod(*containers: Pod, labels: dict[str, str] | None = None, annotations: dict[str, str] | None = None, **spec: Any) -> Pod:
    metadata: Pod = {"generateName": "web-6b7c9-", "labels": {"app": "web", INJECT: "true", **(labels or {})}}
    if annotations:
        metadata["annotations"] = annotations
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {**spec, "containers": list(containers) or [container()]}}


def annotated(**values: str) -> Pod:
    return pod(annotations={f"llm-sidecar.dev/{key.replace('_', '-')}": value for key, value in values.items()})


def env(*pairs: tuple[str, Any], **more: Any) -> Pod:
    return container(env=[{"name": k, **(v if isinstance(v, dict) else {"value": v})} for k, v in pairs], **more)


def without(given: Pod, *path: str) -> Pod:
    given = copy.deepcopy(given)
    place = given
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    return given


SECRET = {"valueFrom": {"secretKeyRef": {"name": "keys", "key": "openai"}}}
OWNED = {"ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": "train", "uid": "u", "controller": True}]}

# What becomes of them: injected; left (not wanted); refused (with its reason); plain (a job: only by a native sidecar).
SHAPES: dict[str, tuple[str, Pod]] = {
    # Plain ones
    "smallest": ("injected", pod()),
    "named": ("injected", {**pod(), "metadata": {"name": "one", "labels": {INJECT: "true"}}}),
    "of a namespace": ("injected", {**pod(), "metadata": {"generateName": "x-"}}),
    "no metadata": ("injected", without(pod(), "metadata")),
    "label enabled": ("injected", pod(labels={INJECT: "enabled"})),
    "asked by annotation": ("injected", {**pod(), "metadata": {"name": "a", "annotations": {INJECT: "true"}}}),
    "two containers": ("injected", pod(container(), container("helper"))),
    "five containers": ("injected", pod(*(container(f"c{i}") for i in range(5)))),
    "odd label names": ("injected", pod(labels={"a.b/c": "d", "e~f": "g"}, annotations={"h/i~j": "k", "l": ""})),
    "named ports": ("injected", pod(container(ports=[{"name": "http", "containerPort": 8080}, {"containerPort": 9090, "protocol": "UDP"}]))),
    # Init containers
    "init container": ("injected", pod(initContainers=[container("migrate")])),
    "three init containers": ("injected", pod(initContainers=[container(f"i{n}") for n in range(3)])),
    "init container with environment": ("injected", pod(initContainers=[{**env(("A", "b")), "name": "migrate"}])),
    # Jobs
    "job": ("native", {**pod(restartPolicy="Never"), "metadata": {"generateName": "train-", "labels": {INJECT: "true"}, **OWNED}}),
    "job that tries again": ("native", pod(restartPolicy="OnFailure", activeDeadlineSeconds=600)),
    "job with init container": ("native", pod(restartPolicy="Never", initContainers=[container("fetch")])),
    # Environment
    "own base url": ("injected", pod(env(("OPENAI_BASE_URL", "http://mine/v1")))),
    "own key from secret": ("injected", pod(env(("OPENAI_API_KEY", SECRET), ("ANTHROPIC_API_KEY", SECRET)))),
    "empty base url": ("injected", pod(env(("OPENAI_BASE_URL", "")))),
    "all set already": ("injected", pod(env(*((n, "x") for n in (
        "OPENAI_BASE_URL", "OPENAI_API_KEY", "ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", "AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY",
        "GOOGLE_GEMINI_BASE_URL", "GEMINI_API_KEY"))))),
    "envFrom": ("injected", pod(container(envFrom=[{"secretRef": {"name": "keys"}}, {"configMapRef": {"name": "c"}}]))),
    "proxy": ("injected", pod(env(("HTTP_PROXY", "http://proxy:3128")))),
    "proxy with exceptions": ("injected", pod(env(("https_proxy", "http://proxy:3128"), ("no_proxy", ".svc,10.0.0.0/8"), ("NO_PROXY", "")))),
    "downward api": ("injected", pod(env(("IP", {"valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}), ("C", {
        "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}})))),
    "references in values": ("injected", pod(env(("A", "$(B)/c"), ("OPENAI_MODEL", "gpt-4o")))),
    # Volumes and resources
    "volumes": ("injected", pod(container(volumeMounts=[{"name": "d", "mountPath": "/d"}]), volumes=[{"name": "d", "emptyDir": {}}])),
    "config volume": ("injected", pod(volumes=[{"name": "c", "configMap": {"name": "c", "defaultMode": 420, "items": [{"key": "k", "path": "p"}]}}])),
    "projected token": ("injected", pod(volumes=[{"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "token", "audience": "a"}}]}}])),
    "resources": ("injected", pod(container(resources={"requests": {"cpu": "500m", "memory": "1Gi", "nvidia.com/gpu": "1"}, "limits": {"nvidia.com/gpu": "1"}}))),
    "restricted": ("injected", pod(container(securityContext=RESTRICTED, resources={"limits": {"memory": "64Mi"}}), securityContext={"fsGroup": 1000})),
    "root": ("injected", pod(container(securityContext={"runAsUser": 0, "privileged": True}), securityContext={"runAsUser": 0})),
    # Where and how it runs
    "probes and hooks": ("injected", pod(container(
        livenessProbe={"httpGet": {"path": "/", "port": 8080}}, lifecycle={"preStop": {"exec": {"command": ["sleep", "5"]}}}))),
    "scheduling": ("injected", pod(
        nodeSelector={"kubernetes.io/os": "linux"}, tolerations=[{"key": "gpu", "operator": "Exists"}], priorityClassName="high",
        affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": "gpu", "operator": "Exists"}]}]}}},
        topologySpreadConstraints=[{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}])),
    "dns and hosts": ("injected", pod(dnsPolicy="None", dnsConfig={"nameservers": ["1.1.1.1"]}, hostAliases=[{"ip": "10.0.0.1", "hostnames": ["a"]}])),
    "shared processes": ("injected", pod(shareProcessNamespace=True, terminationGracePeriodSeconds=600, enableServiceLinks=False)),
    "stateful": ("injected", {**pod(hostname="db-0", subdomain="db"), "metadata": {"name": "db-0", "labels": {INJECT: "true"}}}),
    "of istio": ("injected", pod(container(), container("istio-proxy", ports=[{"containerPort": 15090}]), initContainers=[container("istio-init")])),
    # Annotations
    "other port": ("injected", annotated(port="5000", admin_port="5001")),
    "other resources": ("injected", annotated(cpu_request="50m", cpu_limit="1", memory_request="64Mi", memory_limit="1Gi")),
    "other image and log": ("injected", annotated(image="mine:2", image_pull_policy="Always", log_level="debug", probes="exec")),
    "other configuration": ("injected", annotated(config="mine", keys_secret="my-keys", env_providers="openai,cohere,ollama")),
    "environment forced": ("injected", {**annotated(env="force"), "spec": {"containers": [env(("OPENAI_API_KEY", SECRET))]}}),
    "environment off": ("injected", annotated(env="off")),
    "one container of two": ("injected", {**annotated(containers="helper"), "spec": {"containers": [container(), container("helper")]}}),
    # Not wanted
    "label false": ("left", pod(labels={INJECT: "false"})),
    "annotation false": ("left", {**pod(), "metadata": {"generateName": "x-", "annotations": {INJECT: "false"}}}),
    # Impossible
    "host network": ("refused", pod(hostNetwork=True)),
    "windows": ("refused", pod(os={"name": "windows"})),
    "port taken": ("refused", pod(container(ports=[{"containerPort": 4000}]))),
    "wrong annotation": ("refused", annotated(port="80")),
}
assert len(SHAPES) == 50
