"""The chart, installed by Helm, and the injector's pods, which are processes here: with the arguments, the rights and the settings that the
API server says they have."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self

import yaml
from cluster import HOST, PORT, Cluster, until

PROJECT = Path(__file__).resolve().parents[2]
HELM = PROJECT / ".tools/bin/helm"
NAMESPACE, RELEASE = "llm", "injector"
NAME = f"{RELEASE}-llm-sidecar-injector"
CONFIGURATION = f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{NAME}.{NAMESPACE}"
SECRET = f"/api/v1/namespaces/{NAMESPACE}/secrets/{NAME}-tls"
# What this API server is too old for; `native` is left for the injector to find out, which the chart would tell it; and pods in `raw` are
# those that were injected by hand.
VALUES = {
    "gateway": {"enabled": False},
    "injector": {
        "enabled": True, "disruptionBudget": {"enabled": False}, "excludedNamespaces": ["raw"],
        "settings": {"native": "auto", "env_providers": ["openai", "anthropic"]}}}


class Release:
    """The chart in a cluster."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster, self.folder = cluster, folder
        self.chart = folder / "chart"
        shutil.copytree(PROJECT / "helm/llm-sidecar", self.chart)
        about = yaml.safe_load((self.chart / "Chart.yaml").read_text())
        assert about.pop("kubeVersion") == ">=1.25.0-0"
        (self.chart / "Chart.yaml").write_text(yaml.safe_dump(about))
        context = {"cluster": "c", "user": "u"}
        (folder / "kubeconfig").write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "x", "contexts": [{"name": "x", "context": context}],
            "clusters": [{"name": "c", "cluster": {"server": f"https://{HOST}:{PORT}", "certificate-authority": str(cluster.authority)}}],
            "users": [{"name": "u", "user": {"token": cluster.admin.token}}]}))

    def helm(self, *arguments: str | Path, **values: Any) -> str:
        (self.folder / "values.yaml").write_text(yaml.safe_dump({**VALUES, "injector": {**VALUES["injector"], **values}}))
        environment = {**os.environ, "HOME": str(self.folder), "KUBECONFIG": str(self.folder / "kubeconfig")}
        ran = subprocess.run([HELM, *arguments, "--namespace", NAMESPACE], capture_output=True, text=True, check=False, timeout=120,
                             env=environment)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def install(self, **values: Any) -> str:
        """Installs it, or makes it another one of itself."""
        return self.helm("upgrade", "--install", RELEASE, self.chart, "--create-namespace", "--values", self.folder / "values.yaml", **values)

    def address(self) -> str:
        """Where the API server finds the Service. In a cluster kube-proxy sends it on to a pod."""
        address = str(self.cluster.admin.get(f"/api/v1/namespaces/{NAMESPACE}/services/{NAME}")["spec"]["clusterIP"])
        subprocess.run(["ip", "address", "replace", f"{address}/32", "dev", "lo"], check=True, capture_output=True)
        return address


class Injector:
    """A pod of the injector's Deployment."""

    def __init__(self, binary: Path, release: Release, folder: Path, number: int = 0) -> None:
        folder.mkdir(exist_ok=True)
        admin = release.cluster.admin
        pod = admin.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{NAME}")["spec"]["template"]["spec"]
        (folder / "token").write_text(release.cluster.account(NAMESPACE, pod["serviceAccountName"]))
        shutil.copy(release.cluster.authority, folder / "ca.crt")
        settings = admin.get(f"/api/v1/namespaces/{NAMESPACE}/configmaps/{NAME}")["data"]["settings.yaml"]
        (folder / "settings.yaml").write_text(settings)
        self.settings, self.token = folder / "settings.yaml", (folder / "token").read_text()
        self.address, self.port = release.address(), 443 + number
        self.health = f"http://127.0.0.1:{8080 + number}"
        arguments = [a.replace("/etc/llm-sidecar-injector", str(folder)) for a in pod["containers"][0]["args"]]
        self.log = (folder / "log").open("a")
        self.process = subprocess.Popen(
            [binary, *arguments, f"--listen={self.address}:{self.port}", f"--health-listen=127.0.0.1:{8080 + number}",
             f"--service-account={folder}"],
            env={"KUBERNETES_SERVICE_HOST": HOST, "KUBERNETES_SERVICE_PORT": str(PORT)}, stderr=self.log)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        assert self.process.wait(20) == 0
        self.log.close()

    def is_ready(self) -> bool:
        assert self.process.poll() is None, "the injector has ended"
        try:
            with urllib.request.urlopen(f"{self.health}/readyz", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def ready(self) -> Self:
        until(self.is_ready, say=lambda: Path(self.log.name).read_text())
        return self

    def counts(self) -> dict[tuple[str, str], int]:
        """Pods reviewed so far, by result and reason."""
        with urllib.request.urlopen(f"{self.health}/metrics", timeout=5) as answer:
            lines = [line for line in answer.read().decode().splitlines() if line.startswith("llm_sidecar_injections_total{")]
        labels = [dict(pair.replace('"', "").split("=") for pair in line[line.index("{") + 1:line.index("}")].split(",")) for line in lines]
        return {(label["result"], label["reason"]): int(line.rsplit(" ", 1)[1]) for label, line in zip(labels, lines, strict=True)}

    def certificate(self) -> str:
        """What it shows in a handshake, PEM."""
        return ssl.get_server_certificate((self.address, self.port))
