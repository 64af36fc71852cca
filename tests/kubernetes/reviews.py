"""AdmissionReviews as API servers of several versions send them: a pod with its defaults, and what is told of the request."""

from __future__ import annotations

import copy
from typing import Any

Pod = dict[str, Any]

# The last with service-account Secrets, with v1 of most APIs, before native sidecars, the first with them, and the newest known.
VERSIONS = ["1.20", "1.25", "1.28", "1.29", "1.33", "1.37"]


def minor(version: str) -> int:
    return int(version.split(".")[1])


def defaulted(pod: Pod, version: str) -> Pod:
    """The pod as mutating webhooks see it: what the API server fills in has been filled in."""
    pod = copy.deepcopy(pod)
    metadata, spec = pod.setdefault("metadata", {}), pod["spec"]
    if minor(version) < 34:
        metadata.setdefault("creationTimestamp", None)
    for key, value in {
        "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst", "serviceAccountName": "default",
        "serviceAccount": "default", "securityContext": {}, "schedulerName": "default-scheduler", "priority": 0,
        "enableServiceLinks": True, "preemptionPolicy": "PreemptLowerPriority",
    }.items():
        spec.setdefault(key, value)
    spec.setdefault("tolerations", []).extend(
        {"key": f"node.kubernetes.io/{what}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
        for what in ("not-ready", "unreachable"))
    token = "default-token-x7k2p" if minor(version) < 21 else "kube-api-access-x7k2p"
    if minor(version) < 21:
        volume: Pod = {"name": token, "secret": {"secretName": token, "defaultMode": 420}}
    else:
        volume = {"name": token, "projected": {"defaultMode": 420, "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}}]}}
    spec.setdefault("volumes", []).append(volume)
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        container.setdefault("resources", {})
        container.setdefault("terminationMessagePath", "/dev/termination-log")
        container.setdefault("terminationMessagePolicy", "File")
        container.setdefault("imagePullPolicy", "IfNotPresent")
        container.setdefault("volumeMounts", []).append(
            {"name": token, "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"})
        for variable in container.get("env", []):
            if variable.get("value") == "":
                del variable["value"]
        for port in container.get("ports", []):
            port.setdefault("protocol", "TCP")
    pod["status"] = {}
    return pod


def review(pod: Pod, version: str, uid: str = "705ab4f5-6393-11e8-b7cc-42010a800002") -> dict[str, Any]:
    kind, resource = {"group": "", "version": "v1", "kind": "Pod"}, {"group": "", "version": "v1", "resource": "pods"}
    options = {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"}
    user: dict[str, Any] = {
        "username": "system:serviceaccount:kube-system:replicaset-controller", "uid": "41f2",
        "groups": ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"]}
    if minor(version) >= 25:
        options |= {"fieldManager": "kube-controller-manager", "fieldValidation": "Strict"}
    if minor(version) >= 29:
        user["extra"] = {"authentication.kubernetes.io/credential-id": ["JTI=7e1c"]}
    request = {
        "uid": uid, "kind": kind, "resource": resource, "requestKind": kind, "requestResource": resource, "namespace": "shop",
        "operation": "CREATE", "userInfo": user, "object": pod, "oldObject": None, "dryRun": False, "options": options}
    if "name" in pod["metadata"]:
        request["name"] = pod["metadata"]["name"]
    return {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request}
