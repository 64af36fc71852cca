"""What a real API server does while the injector is away, hangs, or is not the only one."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cluster import Cluster, Object
from injector import Injector, Release
from pods import SIDECAR, containers, made, make
from shapes import INJECT, container, pod

UNRELATED = [("other", {**pod(), "metadata": {"generateName": "x-"}}), ("other", pod(labels={INJECT: "false"})),
             ("shop", pod(labels={INJECT: "false"})), ("kube-system", pod())]


@pytest.fixture(scope="module", autouse=True)
def kube_system(cluster: Cluster) -> None:
    cluster.namespace("kube-system", inject="true")


def unrelated_pods_are_made(cluster: Cluster) -> None:
    for namespace, given in UNRELATED:
        begun = time.monotonic()
        assert set(containers(made(cluster, namespace, given))) == {"app"}
        assert time.monotonic() - begun < 4, "nobody was waited for"


def test_while_it_is_away_only_pods_that_ask_are_refused(cluster: Cluster, release: Release) -> None:
    release.address()
    for namespace in ("shop", "other"):
        answer = make(cluster, namespace, pod())
        assert answer.status == 500 and "connection refused" in answer.message, answer
        assert "pod.inject.llm-sidecar.dev" in answer.message
    unlabelled = make(cluster, "shop", {**pod(), "metadata": {"generateName": "x-"}})
    assert unlabelled.status == 500 and "namespace.inject.llm-sidecar.dev" in unlabelled.message
    unrelated_pods_are_made(cluster)


def test_while_it_hangs_only_pods_that_ask_wait(cluster: Cluster, release: Release) -> None:
    with socket.create_server((release.address(), 443)):
        waiting = threading.Thread(target=unrelated_pods_are_made, args=[cluster])
        waiting.start()
        begun = time.monotonic()
        answer = make(cluster, "shop", pod())
        took = time.monotonic() - begun
        waiting.join()
    assert answer.status == 500 and "pod.inject.llm-sidecar.dev" in answer.message, answer
    # The chart's five seconds, once: an entry that fails ends it.
    assert 4 < took < 9, took


def test_where_that_is_wanted_pods_are_made_without(cluster: Cluster, release: Release, binary: Path, tmp_path: Path) -> None:
    release.install(failurePolicy="Ignore")
    try:
        assert set(containers(made(cluster, "shop", pod()))) == {"app"}
        with Injector(binary, release, tmp_path / "injector") as injector:
            injector.ready()
            assert SIDECAR in containers(made(cluster, "shop", pod()))
    finally:
        release.install()


class Late(BaseHTTPRequestHandler):
    """Another one's webhook, which adds a container."""

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["content-length"])))
        patch = [{"op": "add", "path": "/spec/containers/-", "value": container("late")}]
        response = {"uid": review["request"]["uid"], "allowed": True, "patchType": "JSONPatch",
                    "patch": base64.b64encode(json.dumps(patch).encode()).decode()}
        body = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def late(cluster: Cluster, tmp_path: Path) -> Iterator[None]:
    """It comes after the injector: the server asks in the order of names."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=late",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", tmp_path / "key", "-out", tmp_path / "crt"], check=True, capture_output=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Late)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    webhook: Object = {
        "name": "late.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"], "reinvocationPolicy": "Never",
        "clientConfig": {"url": f"https://127.0.0.1:{server.server_port}/", "caBundle": base64.b64encode((tmp_path / "crt").read_bytes()).decode()},
        "objectSelector": {"matchLabels": {"late": "true"}},
        "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}]}
    path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
    cluster.admin.create(path, {"metadata": {"name": "zz-late"}, "webhooks": [webhook]})
    yield
    cluster.admin.ask("DELETE", f"{path}/zz-late")
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("late")
def test_it_is_asked_again_after_another_and_gives_only_what_lacks(cluster: Cluster, injector: Injector) -> None:
    given = pod(labels={"late": "true"})
    stored = made(cluster, "shop", given)
    assert [c["name"] for c in stored["spec"]["containers"]] == [SIDECAR, "app", "late"]
    env = {name: [v["name"] for v in c.get("env", [])] for name, c in containers(stored).items()}
    assert "OPENAI_BASE_URL" in env["late"] and env["late"] == env["app"]
    assert json.loads(stored["metadata"]["annotations"]["llm-sidecar.dev/status"])["env"].keys() == {"app", "late"}
    assert [v["name"] for v in stored["spec"]["volumes"]].count("llm-sidecar-config") == 1
    assert injector.counts() == {("injected", "none"): 2}, "the second time it was a change too"
