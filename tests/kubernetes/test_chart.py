"""The chart: lint, schemas of Kubernetes, Pod Security, what its parts say of each other, golden files."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from chart import CHART, PROJECT, VALUES, VERSIONS, containers, helm, manifests, named, pod_specs, render, template
from security import violations

ALL = [None, *VALUES]
# Kinds that Kubernetes' own OpenAPI does not know.
FOREIGN = {"Certificate", "Issuer", "PodMonitor", "PrometheusRule", "ServiceMonitor"}


def name(values: Path | None) -> str:
    return values.name.removesuffix("-values.yaml") if values else "default"


every = pytest.mark.parametrize("values", ALL, ids=name)


@every
def test_lint(values: Path | None) -> None:
    linted = helm("lint", "--strict", CHART, *(["--values", values] if values else []))
    assert linted.returncode == 0, linted.stdout + linted.stderr


@every
@pytest.mark.parametrize("version", VERSIONS)
def test_manifests_fit_the_schema_of_kubernetes(values: Path | None, version: str) -> None:
    text = render(values, version)
    found = manifests(text)
    assert found
    for manifest in found:
        if manifest["kind"] not in FOREIGN:
            kubernetes_validate.validate(manifest, version, strict=True)


def test_the_schema_check_can_fail() -> None:
    wrong = manifests(render(None))
    deployment = named(wrong, "Deployment")[0]
    deployment["spec"]["template"]["spec"]["containers"][0]["imagePulPolicy"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, "1.33", strict=True)


@every
def test_rendering_is_repeatable(values: Path | None) -> None:
    again = template(*(["--values", values] if values else []))
    assert again.stdout == render(values)


@every
def test_golden(values: Path | None) -> None:
    """What is rendered is what was reviewed. UPDATE_GOLDEN=1 writes it anew."""
    golden = Path(__file__).parent / "golden" / f"{name(values)}.yaml"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(render(values))
    assert golden.read_text() == render(values)


def test_plain_manifests_are_current() -> None:
    checked = subprocess.run([PROJECT / "scripts/manifests", "--check"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@every
def test_pods_are_restricted(values: Path | None) -> None:
    pods = [pod for manifest in manifests(render(values)) for pod in pod_specs(manifest)]
    assert pods
    for pod in pods:
        assert violations(pod) == []
        assert pod["metadata"]["labels"]["llm-sidecar.dev/inject"] in ("true", "false")
        for container in containers(pod):
            assert container["resources"]["requests"].keys() >= {"cpu", "memory"}
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert not any("subPath" in mount for mount in container.get("volumeMounts", []))


def test_the_security_check_can_fail() -> None:
    pod = {"spec": {"hostNetwork": True, "volumes": [{"name": "v", "hostPath": {}}], "containers": [{"name": "c", "ports": [{"hostPort": 1}]}]}}
    assert len(violations(pod)) == 7


@every
@pytest.mark.parametrize("version", ["1.25", "1.33"])
def test_parts_find_each_other(values: Path | None, version: str) -> None:
    found = manifests(render(values, version))
    pods = [pod for kind in ("Deployment",) for manifest in named(found, kind) for pod in pod_specs(manifest)]

    def selected(selector: dict[str, str]) -> list[dict]:
        return [pod for pod in pods if selector.items() <= pod["metadata"]["labels"].items()]

    for service in named(found, "Service"):
        (pod,) = selected(service["spec"]["selector"])
        ports = {port["name"] for container in containers(pod) for port in container["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    for kind, path in [("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")]:
        for manifest in named(found, kind):
            assert len(selected(manifest["spec"][path]["matchLabels"])) == 1
    for binding in [*named(found, "RoleBinding"), *named(found, "ClusterRoleBinding")]:
        assert named(found, binding["roleRef"]["kind"], binding["roleRef"]["name"])
        assert named(found, "ServiceAccount", binding["subjects"][0]["name"])
    for autoscaler in named(found, "HorizontalPodAutoscaler"):
        (deployment,) = named(found, "Deployment", autoscaler["spec"]["scaleTargetRef"]["name"])
        assert "replicas" not in deployment["spec"]
    for configuration in named(found, "MutatingWebhookConfiguration"):
        for webhook in configuration["webhooks"]:
            service = webhook["clientConfig"].get("service")
            assert service is None or named(found, "Service", service["name"])
    for monitor in named(found, "ServiceMonitor"):
        services = named(found, "Service")
        assert [s for s in services if monitor["spec"]["selector"]["matchLabels"].items() <= s["metadata"]["labels"].items()]


@every
def test_selectors_never_change(values: Path | None) -> None:
    """They are immutable: nothing that an upgrade may change is in them."""
    for manifest in named(manifests(render(values)), "Deployment"):
        component = manifest["metadata"]["labels"]["app.kubernetes.io/component"]
        assert manifest["spec"]["selector"]["matchLabels"] == {
            "app.kubernetes.io/name": "llm-sidecar",
            "app.kubernetes.io/instance": "r",
            "app.kubernetes.io/component": component,
        }


@every
def test_rights_are_named_one_by_one(values: Path | None) -> None:
    found = manifests(render(values))
    for role in [*named(found, "Role"), *named(found, "ClusterRole")]:
        for rule in role["rules"]:
            assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"]
            # The right to create cannot be limited to a name; it goes with the Job that has it.
            lasting = "helm.sh/hook" not in role["metadata"].get("annotations", {})
            assert rule.get("resourceNames") or (rule["verbs"] == ["create"] and not lasting)
            assert set(rule["verbs"]) <= {"get", "update", "patch", "create"}
    holders = [pod for m in found for pod in pod_specs(m) if pod["spec"]["automountServiceAccountToken"]]
    assert len(holders) == {"injector": 1, "injector-hook": 2}.get(name(values), 0)


def test_nothing_secret_is_rendered() -> None:
    for values in ALL:
        for secret in named(manifests(render(values)), "Secret"):
            assert "data" not in secret and "stringData" not in secret
        assert "PRIVATE KEY" not in render(values)


def test_the_webhook_never_waits_for_unrelated_pods() -> None:
    for values in VALUES:
        for configuration in named(manifests(render(values)), "MutatingWebhookConfiguration"):
            for webhook in configuration["webhooks"]:
                objects = webhook["objectSelector"]["matchExpressions"]
                spaces = webhook["namespaceSelector"]["matchExpressions"]
                opted_in = [e for e in [*objects, *spaces] if e["key"] == "llm-sidecar.dev/inject" and e["operator"] == "In"]
                assert opted_in or webhook["matchConditions"], webhook["name"]
                kept_out = [e for e in spaces if e["key"] == "kubernetes.io/metadata.name" and e["operator"] == "NotIn"]
                assert "kube-system" in kept_out[0]["values"]
                assert (webhook["reinvocationPolicy"], webhook["sideEffects"]) == ("IfNeeded", "None")
                assert webhook["rules"][0]["operations"] == ["CREATE"] and webhook["timeoutSeconds"] <= 5


def test_annotations_are_looked_at_where_the_api_server_can() -> None:
    values = CHART / "ci/injector-values.yaml"
    entries = {v: named(manifests(render(values, v)), "MutatingWebhookConfiguration")[0]["webhooks"] for v in ("1.29", "1.33")}
    assert [len(entries[v]) for v in ("1.29", "1.33")] == [2, 3]
    assert not any("matchConditions" in webhook for webhook in entries["1.29"])


@every
def test_configurations_are_valid(values: Path | None, binary: Path, tmp_path: Path) -> None:
    """The sidecar itself takes every configuration and every setting in the chart."""
    found = named(manifests(render(values)), "ConfigMap")
    for number, config in enumerate(found):
        for file, text in config["data"].items():
            path = tmp_path / f"{number}-{file}"
            path.write_text(text.replace("/var/run/llm-sidecar/keys/", f"{tmp_path}/"))
            for key in ("openai", "claude"):
                (tmp_path / key).write_text("k")
            if file == "config.yaml":
                environment = {"CLIENT_KEY": "c" * 32, "OPENAI_API_KEY": "k", "DATABASE_URL": "postgres://u:p@db/llm"}
                ran = subprocess.run([binary, "check", "--config", path], capture_output=True, text=True, check=False, env=environment)
            elif file == "settings.yaml":
                ran = subprocess.run([binary, "inject", "--settings", path], input="", capture_output=True, text=True, check=False)
            else:
                continue
            assert ran.returncode == 0, ran.stderr


def test_a_database_is_the_store_unless_the_configuration_has_one() -> None:
    def store(*arguments: str) -> dict | None:
        rendered = template("--show-only", "templates/gateway/configmap.yaml", *arguments)
        return yaml.safe_load(manifests(rendered.stdout)[0]["data"]["config.yaml"]).get("store")

    database = ("--set", "gateway.postgresql.existingSecret=db")
    assert store() is None
    assert store(*database) == {"type": "postgres", "url": "${DATABASE_URL}"}
    assert store(*database, "--set", "gateway.config.store.type=none") == {"type": "none"}


@every
def test_arguments_are_known(values: Path | None, binary: Path) -> None:
    for manifest in manifests(render(values)):
        for pod in pod_specs(manifest):
            for container in containers(pod):
                helped = subprocess.run([binary, container["args"][0], "--help"], capture_output=True, text=True, check=True).stdout
                for argument in container["args"][1:]:
                    assert argument.split("=")[0] in helped


@pytest.mark.parametrize(("part", "file"), [("prometheusRule", "alerts.yaml"), ("dashboard", "dashboard.json")])
def test_alerts_and_dashboard_are_the_files(part: str, file: str) -> None:
    rendered = template("--set", f"monitoring.{part}.enabled=true")
    source = CHART / "files" / file
    if not source.exists():
        assert file in rendered.stderr
        return
    assert rendered.returncode == 0, rendered.stderr
    found = manifests(rendered.stdout)
    if part == "dashboard":
        (dashboard,) = [m for m in named(found, "ConfigMap") if "grafana_dashboard" in m["metadata"]["labels"]]
        assert json.loads(dashboard["data"]["llm-sidecar.json"]) == json.loads(source.read_text())
    else:
        (rule,) = named(found, "PrometheusRule")
        assert rule["spec"] == yaml.safe_load(source.read_text())
        without = template("--set", f"monitoring.{part}.enabled=true", operator=False)
        assert without.returncode == 0 and not named(manifests(without.stdout), "PrometheusRule")


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        (["gateway.replicaz=2"], "replicaz"),
        (["gateway.replicas=many"], "replicas"),
        (["gateway.redis.existingSecret=redis"], "redis"),
        (["image.pullPolicy=Sometimes"], "pullPolicy"),
        (["image.digest=sha256:1"], "digest"),
        (["gateway.config.listen=0.0.0.0:1"], "config"),
        (["gateway.resources.requests=null"], "resources"),
        (["injector.settings.colour=red"], "colour"),
        (["injector.settings.port=80"], "port"),
        (["injector.timeoutSeconds=31"], "timeoutSeconds"),
        (["injector.certificates.mode=none"], "mode"),
        (["injector.url=http://x"], "url"),
        (["injector.enabled=true", "injector.certificates.mode=existing"], "existingSecret"),
        (["injector.enabled=true", "injector.replicas=1"], "replicas"),
        (["injector.enabled=true", "injector.url=https://x"], "certificate"),
        (["gateway.autoscaling.enabled=true", "gateway.autoscaling.minReplicas=20"], "minReplicas"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_wrong_values_are_refused(settings: list[str], word: str) -> None:
    refused = template(*(argument for setting in settings for argument in ("--set", setting)))
    assert refused.returncode != 0
    assert word in refused.stderr


def test_an_older_cluster_is_refused() -> None:
    assert "1.24" in template(version="1.24").stderr


def test_every_value_is_documented() -> None:
    readme = (CHART / "README.md").read_text()
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    def paths(tree: dict, prefix: str = ""):
        for key, value in tree.items():
            path = f"{prefix}{key}"
            # These are files, rights and the like of another format.
            if isinstance(value, dict) and value and key not in ("config", "resources", "labels"):
                yield from paths(value, f"{path}.")
            else:
                yield path

    missing = [path for path in paths(values) if f"`{path}`" not in readme]
    assert missing == []
