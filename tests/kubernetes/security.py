"""Pod Security Standards, profile `restricted` (kubernetes.io/docs/concepts/security/pod-security-standards), in code of its own."""

from __future__ import annotations

from typing import Any

VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


def violations(pod: dict[str, Any]) -> list[str]:
    """What keeps the pod out of a namespace that enforces `restricted`."""
    spec, found = pod["spec"], []
    annotations = pod.get("metadata", {}).get("annotations", {})
    own = spec.get("securityContext", {})
    found += [key for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key)]
    found += [f"volume {v['name']}" for v in spec.get("volumes", []) if not VOLUMES & v.keys()]
    found += [f"annotation {key}" for key in annotations if "apparmor" in key]
    if own.get("sysctls"):
        found.append("sysctls")
    if own.get("runAsUser") == 0:
        found.append("pod: runAsUser 0")
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        found += [f"container {container['name']}: {what}" for what in _of(container, own)]
    return found


def _of(container: dict[str, Any], pod: dict[str, Any]) -> list[str]:
    context, found = container.get("securityContext", {}), []
    either = {**pod, **context}
    if context.get("privileged"):
        found.append("privileged")
    if context.get("allowPrivilegeEscalation") is not False:
        found.append("allowPrivilegeEscalation")
    if either.get("runAsNonRoot") is not True:
        found.append("runAsNonRoot")
    if either.get("runAsUser") == 0:
        found.append("runAsUser 0")
    if either.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
        found.append("seccompProfile")
    capabilities = context.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", []):
        found.append("capabilities are kept")
    if set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        found.append("capabilities are added")
    if context.get("procMount", "Default") != "Default" or either.get("seLinuxOptions"):
        found.append("procMount or seLinuxOptions")
    if any(port.get("hostPort") for port in container.get("ports", [])):
        found.append("hostPort")
    for handler in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(handler, {}).get("httpGet", {}).get("host"):
            found.append(f"{handler} asks another host")
    return found
