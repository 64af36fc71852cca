"""The metrics of the injector, a process of its own: what the rules ask for is there, documented, and true."""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from sidecar import ROOT

ALERTS = (ROOT / "helm/llm-sidecar/files/alerts.yaml").read_text()
PAGE = (ROOT / "docs/kubernetes.md").read_text().split("\n### Health and metrics")[1].split("\n## ")[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("webhook")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "12", "-subj", "/CN=injector",
         "-keyout", folder / "tls.key", "-out", folder / "tls.crt"], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def page(folder: Path) -> Iterator[str]:
    command = [os.environ["LLM_SIDECAR_BIN"], "webhook", "--listen=127.0.0.1:0", "--health-listen=127.0.0.1:0",
               f"--tls-cert={folder}/tls.crt", f"--tls-key={folder}/tls.key"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        reviews, address = (json.loads(process.stderr.readline())["address"] for _ in range(2))
        # What has counted nothing yet is not on the page.
        context = ssl.create_default_context(cafile=str(folder / "tls.crt"))
        context.check_hostname = False
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(f"https://{reviews}/mutate", b"{}", timeout=10, context=context)
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
            yield answer.read().decode()
        process.terminate()


def test_every_family_is_documented_and_the_rules_use_no_other(page: str) -> None:
    families = set(re.findall(r"^# TYPE (\w+) ", page, re.MULTILINE))
    assert {name.removesuffix("_total") for name in re.findall(r"`(llm_sidecar_\w+)", PAGE)} == families
    used = set(re.findall(r"\bllm_sidecar_\w+", ALERTS))
    assert used and used <= families


def test_the_end_of_the_certificate_is_told(page: str, folder: Path) -> None:
    said = subprocess.run(["openssl", "x509", "-in", folder / "tls.crt", "-noout", "-enddate"], check=True, capture_output=True, text=True).stdout
    end = subprocess.run(["date", "+%s", "--date", said.strip().removeprefix("notAfter=")], check=True, capture_output=True, text=True).stdout
    assert f"llm_sidecar_webhook_certificate_expiry_seconds {end}" in page
