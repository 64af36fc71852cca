"""A cluster's API server, the real one, with etcd behind it: no kubelet, no scheduler, no controllers.

It runs in a network namespace of its own (scripts/test-apiserver), so that its ports and the addresses of its Services are nobody else's.
"""

from __future__ import annotations

import http.client
import json
import ssl
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

PROJECT = Path(__file__).resolve().parents[2]
TOOLS = PROJECT / ".tools/apiserver"
HOST, PORT = "127.0.0.1", 6443
ADMIN = "admin-token"

Object = dict[str, Any]


@dataclass
class Answer:
    status: int
    body: Object
    warnings: list[str] = field(default_factory=list)

    @property
    def message(self) -> str:
        return str(self.body.get("message", ""))


class Api:
    """The API, asked with one token."""

    def __init__(self, authority: Path, token: str) -> None:
        self.context = ssl.create_default_context(cafile=str(authority))
        self.token = token

    def ask(self, method: str, path: str, body: Object | None = None, kind: str = "application/json") -> Answer:
        connection = http.client.HTTPSConnection(HOST, PORT, context=self.context, timeout=30)
        headers = {"authorization": f"Bearer {self.token}", "content-type": kind, "accept": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        warnings = answer.msg.get_all("warning") or []
        connection.close()
        return Answer(answer.status, json.loads(text) if text.startswith("{") else {"message": text}, warnings)

    def get(self, path: str) -> Object:
        answer = self.ask("GET", path)
        assert answer.status == 200, f"{path}: {answer}"
        return answer.body

    def create(self, path: str, body: Object) -> Object:
        answer = self.ask("POST", path, body)
        assert answer.status == 201, f"{path}: {answer}"
        return answer.body

    def merge(self, path: str, body: Object) -> Object:
        answer = self.ask("PATCH", path, body, "application/merge-patch+json")
        assert answer.status == 200, f"{path}: {answer}"
        return answer.body


class Cluster:
    """etcd and kube-apiserver, for as long as it is held."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = (folder / "log").open("w")
        self.running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        store = "http://127.0.0.1:2379"
        self._run("etcd", f"--data-dir={self.folder}/etcd", f"--listen-client-urls={store}", f"--advertise-client-urls={store}",
                  "--listen-peer-urls=http://127.0.0.1:2380", "--unsafe-no-fsync", "--log-level=error")
        key = self.folder / "accounts.key"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        (self.folder / "tokens.csv").write_text(f'{ADMIN},admin,1,"system:masters"\n')
        self._run(
            "kube-apiserver", f"--etcd-servers={store}", f"--bind-address={HOST}", f"--advertise-address={HOST}", f"--secure-port={PORT}",
            f"--cert-dir={self.folder}/certificates", f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}",
            "--service-account-issuer=https://kubernetes.default.svc", f"--token-auth-file={self.folder}/tokens.csv",
            "--authorization-mode=RBAC", "--service-cluster-ip-range=10.96.0.0/24", "--allow-privileged=true")
        self._await(lambda: (self.folder / "certificates/apiserver.crt").exists())
        # Its own certificate, then that of the authority which it has made for it.
        end = "-----END CERTIFICATE-----\n"
        authority = (self.folder / "certificates/apiserver.crt").read_text().split(end)[1] + end
        self.authority = self.folder / "ca.crt"
        self.authority.write_text(authority)
        self.admin = self.api(ADMIN)
        self._await(self._is_ready)

    def __exit__(self, *_: object) -> None:
        for process in reversed(self.running):
            process.terminate()
            process.wait(30)
        self.log.close()

    def api(self, token: str) -> Api:
        return Api(self.authority, token)

    def account(self, namespace: str, name: str) -> str:
        """A token of a service account, as the kubelet asks for one."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        return str(self.admin.create(path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}})["status"]["token"])

    def namespace(self, name: str, **labels: str) -> str:
        """Makes one, or takes it over, with what controllers of a cluster that is not so old would put into it."""
        self.admin.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        labels = {"kubernetes.io/metadata.name": name, **{f"llm-sidecar.dev/{key}": value for key, value in labels.items()}}
        self.admin.merge(f"/api/v1/namespaces/{name}", {"metadata": {"labels": labels}})
        path = f"/api/v1/namespaces/{name}"
        account = self.admin.create(f"{path}/serviceaccounts", {"metadata": {"name": "default"}, "secrets": [{"name": "default-token"}]})
        owner = {"kubernetes.io/service-account.name": "default", "kubernetes.io/service-account.uid": account["metadata"]["uid"]}
        secret = {"metadata": {"name": "default-token", "annotations": owner}, "type": "kubernetes.io/service-account-token"}
        self.admin.create(f"{path}/secrets", secret)
        return name

    def _run(self, program: str, *arguments: str) -> None:
        self.running.append(subprocess.Popen([TOOLS / program, *arguments], stdout=self.log, stderr=self.log))

    def _is_ready(self) -> bool:
        try:
            return self.admin.ask("GET", "/readyz").status == 200
        except OSError:
            return False

    def _await(self, holds: Any) -> None:
        until(holds, 90, lambda: (self.folder / "log").read_text()[-3000:])
        assert all(process.poll() is None for process in self.running), (self.folder / "log").read_text()[-3000:]


def until(holds: Any, seconds: float = 30, say: Any = lambda: "it never held") -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, say()
        time.sleep(0.1)
