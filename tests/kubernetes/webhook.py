"""The webhook as a process, asked as the API server asks it."""

from __future__ import annotations

import http.client
import json
import ssl
import subprocess
from pathlib import Path
from typing import Any, Self


class Webhook:
    def __init__(self, binary: Path, folder: Path, settings: str) -> None:
        (folder / "settings.yaml").write_text(settings)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=injector",
             "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE",
             "-keyout", folder / "tls.key", "-out", folder / "tls.crt"], check=True, capture_output=True)
        self.certificate = folder / "tls.crt"
        self.process = subprocess.Popen(
            [binary, "webhook", "--listen=127.0.0.1:0", "--health-listen=127.0.0.1:0", f"--tls-cert={folder}/tls.crt",
             f"--tls-key={folder}/tls.key", f"--settings={folder}/settings.yaml"], stderr=subprocess.PIPE, text=True)
        assert self.process.stderr
        self.port = int(json.loads(self.process.stderr.readline())["address"].rsplit(":", 1)[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.communicate(timeout=20)
        assert self.process.returncode == 0

    def ask(self, review: dict[str, Any], tls: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> dict[str, Any]:
        """The `response` of an AdmissionReview."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        context.minimum_version = context.maximum_version = tls
        connection = http.client.HTTPSConnection("localhost", self.port, context=context, timeout=20)
        connection.request("POST", "/mutate?timeout=5s", json.dumps(review), {"content-type": "application/json"})
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("content-type")) == (200, "application/json")
        body = json.loads(answer.read())
        connection.close()
        assert (body["apiVersion"], body["kind"]) == (review["apiVersion"], "AdmissionReview")
        assert body["response"]["uid"] == review["request"]["uid"]
        return body["response"]
