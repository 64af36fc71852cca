"""The chart in a real API server: Helm installs it, its rights suffice and reach no further, its certificates reach whom they must."""

from __future__ import annotations

import base64
import signal
import ssl
import subprocess
from contextlib import ExitStack
from pathlib import Path

import yaml
from cluster import HOST, PORT, Cluster, until
from injector import CONFIGURATION, NAME, NAMESPACE, SECRET, Injector, Release
from pods import SIDECAR, containers, made
from shapes import pod


def bundles(cluster: Cluster) -> list[str]:
    """Whom the API server trusts for each entry, PEM."""
    entries = cluster.admin.get(CONFIGURATION)["webhooks"]
    return [base64.b64decode(entry["clientConfig"].get("caBundle", "")).decode() for entry in entries]


def empty_secret(cluster: Cluster) -> None:
    cluster.admin.merge(SECRET, {"data": None})
    for index in range(2):
        patch = [{"op": "remove", "path": f"/webhooks/{index}/clientConfig/caBundle"}]
        cluster.admin.ask("PATCH", CONFIGURATION, patch, "application/json-patch+json")  # type: ignore[arg-type]
    assert bundles(cluster) == ["", ""]


def test_replicas_that_start_at_once_make_one_certificate(cluster: Cluster, release: Release, binary: Path, tmp_path: Path) -> None:
    empty_secret(cluster)
    before = cluster.admin.get(SECRET)["metadata"]["resourceVersion"]
    with ExitStack() as stack:
        replicas = [stack.enter_context(Injector(binary, release, tmp_path / str(number), number)) for number in range(3)]
        for replica in replicas:
            replica.ready()
        secret = cluster.admin.get(SECRET)
        assert secret["data"].keys() == {"tls.crt", "tls.key", "ca.crt"} and secret["metadata"]["resourceVersion"] != before
        shown = {replica.certificate().strip() for replica in replicas}
        assert shown == {base64.b64decode(secret["data"]["tls.crt"]).decode().strip()}
        authority = base64.b64decode(secret["data"]["ca.crt"]).decode()
        assert bundles(cluster) == [authority, authority]
        # Written once, by whoever was first.
        writers = [entry["operation"] for entry in secret["metadata"]["managedFields"] if "f:tls.crt" in str(entry)]
        made_by = sum("a new certificate is made" in (tmp_path / str(number) / "log").read_text() for number in range(3))
        assert (writers, made_by) == (["Update"], 1)
        assert SIDECAR in containers(made(cluster, "shop", pod()))


def test_a_restart_finds_the_certificate_and_changes_nothing(cluster: Cluster, release: Release, injector: Injector) -> None:
    before = [cluster.admin.get(path)["metadata"]["resourceVersion"] for path in (SECRET, CONFIGURATION)]
    injector.process.send_signal(signal.SIGHUP)
    assert SIDECAR in containers(made(cluster, "shop", pod()))
    assert [cluster.admin.get(path)["metadata"]["resourceVersion"] for path in (SECRET, CONFIGURATION)] == before


def test_an_upgrade_leaves_the_certificate_alone(cluster: Cluster, release: Release, injector: Injector) -> None:
    data, trusted = cluster.admin.get(SECRET)["data"], bundles(cluster)
    assert "label llm-sidecar.dev/inject=true" in release.install(timeoutSeconds=4)
    try:
        assert cluster.admin.get(CONFIGURATION)["webhooks"][0]["timeoutSeconds"] == 4
        assert (cluster.admin.get(SECRET)["data"], bundles(cluster)) == (data, trusted)
        assert SIDECAR in containers(made(cluster, "shop", pod()))
    finally:
        release.install()
    assert (cluster.admin.get(SECRET)["data"], bundles(cluster)) == (data, trusted)


def test_what_is_lost_is_made_again(cluster: Cluster, injector: Injector) -> None:
    empty_secret(cluster)
    injector.process.send_signal(signal.SIGHUP)
    until(lambda: all(bundles(cluster)))
    until(lambda: injector.certificate().strip() in base64.b64decode(cluster.admin.get(SECRET)["data"]["tls.crt"]).decode())
    assert SIDECAR in containers(made(cluster, "shop", pod()))


def test_its_rights_reach_no_further(cluster: Cluster, injector: Injector) -> None:
    own = cluster.api(injector.token)
    secrets, configurations = f"/api/v1/namespaces/{NAMESPACE}/secrets", CONFIGURATION.rsplit("/", 1)[0]
    assert own.ask("GET", SECRET).status == 200 and own.ask("GET", CONFIGURATION).status == 200
    cluster.admin.create(secrets, {"metadata": {"name": "of-others"}})
    forbidden = [
        ("GET", secrets, None), ("POST", secrets, {"metadata": {"name": "new"}}), ("GET", f"{secrets}/of-others", None),
        ("DELETE", SECRET, None), ("GET", "/api/v1/secrets", None), ("GET", configurations, None), ("DELETE", CONFIGURATION, None),
        ("POST", configurations, {"metadata": {"name": "new"}}), ("GET", f"/api/v1/namespaces/{NAMESPACE}/configmaps", None),
        ("GET", "/api/v1/pods", None), ("GET", "/api/v1/namespaces", None),
        ("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles", None),
    ]
    assert {(method, path): own.ask(method, path, body).status for method, path, body in forbidden} == {
        (method, path): 403 for method, path, _ in forbidden}


def test_the_certificate_is_for_the_name_by_which_it_is_asked(cluster: Cluster, injector: Injector, tmp_path: Path) -> None:
    (tmp_path / "crt").write_text(injector.certificate())
    (tmp_path / "ca").write_text(bundles(cluster)[0])
    said = subprocess.run(["openssl", "verify", "-purpose", "sslserver", "-verify_hostname", f"{NAME}.{NAMESPACE}.svc", "-CAfile", tmp_path / "ca",
                           tmp_path / "crt"], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr


def test_jobs_make_the_certificate_with_the_rights_they_bring(
    cluster: Cluster, release: Release, binary: Path, tmp_path: Path,
) -> None:
    """The mode `hook`. There is nothing here to run a Job: what the chart gives it is made by hand, and its container is a process."""
    cluster.admin.create("/api/v1/namespaces", {"metadata": {"name": "hooked"}})
    rendered = release.helm("template", "h", release.chart, "--values", release.folder / "values.yaml", certificates={"mode": "hook"})
    found = [m for m in yaml.safe_load_all(rendered) if m]
    groups = {"ServiceAccount": "/api/v1", "Role": "/apis/rbac.authorization.k8s.io/v1", "RoleBinding": "/apis/rbac.authorization.k8s.io/v1",
              "ClusterRole": "/apis/rbac.authorization.k8s.io/v1", "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1",
              "MutatingWebhookConfiguration": "/apis/admissionregistration.k8s.io/v1"}
    for manifest in found:
        if manifest["kind"] in groups:
            space = f"/namespaces/{manifest['metadata']['namespace']}" if "namespace" in manifest["metadata"] else ""
            cluster.admin.create(f"{groups[manifest['kind']]}{space}/{manifest['kind'].lower()}s", manifest)
    (tmp_path / "ca.crt").write_text(cluster.authority.read_text())
    jobs = [m for m in found if m["kind"] == "Job"]
    assert [job["metadata"]["annotations"]["helm.sh/hook"].split(",")[0] for job in jobs] == ["post-install", "pre-install"]
    for job in reversed(jobs):
        spec = job["spec"]["template"]["spec"]
        (tmp_path / "token").write_text(cluster.account(NAMESPACE, spec["serviceAccountName"]))
        ran = subprocess.run([binary, *spec["containers"][0]["args"], f"--service-account={tmp_path}"], capture_output=True, text=True, check=False,
                             env={"KUBERNETES_SERVICE_HOST": HOST, "KUBERNETES_SERVICE_PORT": str(PORT)})
        assert ran.returncode == 0, ran.stderr
    (configuration,) = [m for m in found if m["kind"] == "MutatingWebhookConfiguration"]
    path = f"{CONFIGURATION.rsplit('/', 1)[0]}/{configuration['metadata']['name']}"
    stored = cluster.admin.get(path)
    authority = base64.b64decode(stored["webhooks"][0]["clientConfig"]["caBundle"]).decode()
    secret = cluster.admin.get(f"/api/v1/namespaces/{NAMESPACE}/secrets/h-llm-sidecar-injector-hook-tls")
    assert secret["type"] == "kubernetes.io/tls" and base64.b64decode(secret["data"]["ca.crt"]).decode() == authority
    ssl.create_default_context(cadata=authority)
    cluster.admin.ask("DELETE", path)


def test_nothing_is_left_when_it_goes(cluster: Cluster, release: Release, binary: Path, tmp_path: Path) -> None:
    release.helm("uninstall", "injector")
    for path in (SECRET, CONFIGURATION, f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{NAME}.{NAMESPACE}"):
        assert cluster.admin.ask("GET", path).status == 404, path
    assert set(containers(made(cluster, "shop", pod()))) == {"app"}
    release.install()
    with Injector(binary, release, tmp_path / "injector") as injector:
        injector.ready()
        assert SIDECAR in containers(made(cluster, "shop", pod()))
