"""The image that `make image` has made: what is in it, what it says of itself, and that it runs as nobody on a read-only root."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pod import PROJECT, SDK_PYTHON, VENDOR, Container, Namespaces

IMAGE = Path(os.environ.get("LLM_SIDECAR_IMAGE", PROJECT / "target/image"))
VERSION = tomllib.loads((PROJECT / "Cargo.toml").read_text())["package"]["version"]
NAME = f"{IMAGE}/layout:{VERSION}"
BINARY, SBOM = "llm-sidecar", "usr/share/sbom/llm-sidecar.cdx.json"
MIB = 2**20


def inspect(*options: str, image: str = NAME) -> dict:
    return json.loads(subprocess.run(["skopeo", "inspect", *options, f"oci:{image}"], check=True, capture_output=True).stdout)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle = tmp_path_factory.mktemp("image") / "bundle"
    subprocess.run(["umoci", "unpack", "--rootless", "--image", NAME, bundle], check=True, capture_output=True)
    return bundle / "rootfs"


def test_what_it_says_of_itself() -> None:
    config = inspect("--config")["config"]
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["/llm-sidecar"]
    assert config["Cmd"] == ["serve", "--config=/etc/llm-sidecar/config.yaml"]
    assert config["ExposedPorts"].keys() == {"4000/tcp", "4001/tcp", "8443/tcp", "8080/tcp"}
    labels = {key.removeprefix("org.opencontainers.image."): value for key, value in config["Labels"].items()}
    assert labels.keys() == {"title", "description", "licenses", "version", "revision", "created"}
    assert (labels["title"], labels["version"], labels["licenses"]) == ("llm-sidecar", VERSION, "Apache-2.0")


def test_size() -> None:
    # As registries and nodes count it.
    packed = sum(layer["size"] for layer in inspect("--raw")["layers"])
    print(f"{packed / MIB:.1f} MiB packed")
    assert packed <= 25 * MIB


def test_nothing_but_the_binary_is_in_it(root: Path) -> None:
    files = {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()}
    assert files == {BINARY, SBOM}
    for path in [root / BINARY, root / SBOM]:
        assert not path.is_symlink() and not path.stat().st_mode & (stat.S_ISUID | stat.S_ISGID | stat.S_IWGRP | stat.S_IWOTH)
    linked = subprocess.run(["ldd", root / BINARY], capture_output=True, text=True, check=False)
    assert "not a dynamic executable" in linked.stderr + linked.stdout or "statically linked" in linked.stdout


def test_the_bill_of_materials(root: Path) -> None:
    bill = json.loads((root / SBOM).read_text())
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "llm-sidecar")
    locked = {(p["name"], p["version"]): p.get("checksum") for p in tomllib.loads((PROJECT / "Cargo.lock").read_text())["package"]}
    found = {(c["name"], c["version"]): c for c in bill["components"]}
    assert {"rustls", "hyper", "tokio", "aws-lc-sys"} <= {name for name, _ in found}
    # Neither what tests it nor what only builds it.
    assert not {"proptest", "criterion", "cc", "syn"} & {name for name, _ in found}
    for key, component in found.items():
        assert component["hashes"][0]["content"] == locked[key]
        assert component["licenses"], key


def test_the_same_binary_makes_the_same_image(root: Path, tmp_path: Path) -> None:
    machine = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    target = next(line.removeprefix("host: ") for line in machine.splitlines() if line.startswith("host: "))
    subprocess.run([PROJECT / "scripts/image", root / BINARY, target, tmp_path / "again"], check=True, capture_output=True)
    assert inspect(image=f"{tmp_path}/again/layout:{VERSION}")["Digest"] == inspect()["Digest"]


@pytest.fixture(scope="module")
def namespaces() -> Iterator[Namespaces]:
    with Namespaces() as made:
        yield made


def chrooted(root: Path, *arguments: str) -> list[str | Path]:
    """The image's binary as a container runtime runs it: a read-only root, nobody's user, no way to more rights."""
    user = ["--userspec=65532:65532"] if os.getuid() == 0 else []
    script = 'mount --bind "$0" "$0"; mount -o remount,ro,bind "$0"; exec setpriv --no-new-privs chroot "$@"'
    return ["unshare", "--mount", "sh", "-ec", script, root, *user, root, "/llm-sidecar", *arguments]


def test_it_runs_and_answers(root: Path, namespaces: Namespaces, tmp_path: Path) -> None:
    names = Container(namespaces, 1, [sys.executable, Path(__file__).with_name("names.py"), VENDOR, "vendor.test", VENDOR])
    assert names.line() == "listening\n"
    # What the kubelet mounts: names, and the configuration.
    pod = tmp_path / "root"
    shutil.copytree(root, pod)
    (pod / "etc/llm-sidecar").mkdir(parents=True)
    (pod / "etc/resolv.conf").write_text(f"nameserver {VENDOR}\noptions timeout:1 attempts:5\n")
    (pod / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (pod / "etc/llm-sidecar/config.yaml").write_text(json.dumps({
        "providers": {"sim": {"type": "openai", "base_url": "http://vendor.test:4010/v1", "api_key": "k"}},
        "models": {"gpt-4o": {"targets": [{"provider": "sim", "model": "gpt-4o"}]}}, "server": {"drain_delay": "0s"}}))
    vendor = Container(namespaces, 1, chrooted(pod, "simulate", f"--listen={VENDOR}:4010"), log=tmp_path / "vendor")
    sidecar = Container(
        namespaces, 0, chrooted(pod, "serve", "--config=/etc/llm-sidecar/config.yaml", "--admin-listen=0.0.0.0:4001"), log=tmp_path / "log")
    health = Container(namespaces, 0, chrooted(pod, "health", "--wait=30s"))
    assert health.finish() == (0, "ready\n"), (tmp_path / "log").read_text()
    if os.getuid() == 0:
        status = Path(f"/proc/{sidecar.process.pid}/status").read_text()
        assert "Uid:\t65532\t65532\t65532\t65532" in status and "CapEff:\t0000000000000000" in status and "NoNewPrivs:\t1" in status
    base = "http://127.0.0.1:4000"
    environment = {"OPENAI_BASE_URL": f"{base}/v1", "OPENAI_API_KEY": "k", "ANTHROPIC_BASE_URL": base, "ANTHROPIC_API_KEY": "k"}
    app = PROJECT / "tests/kubernetes/app.py"
    code, out = Container(namespaces, 0, [SDK_PYTHON, app, "ask"], environment).finish()
    assert code == 0, (tmp_path / "log").read_text()
    assert json.loads(out)["openai"] and json.loads(out)["anthropic"]
    for running in (sidecar, vendor, names):
        running.signal()
    assert sidecar.finish()[0] == 0
    vendor.finish()
    names.finish()


def test_nothing_else_can_be_run_in_it(root: Path, namespaces: Namespaces) -> None:
    command = ["/bin/sh" if word == "/llm-sidecar" else word for word in chrooted(root)]
    ran = subprocess.run([*namespaces.inside(0), *command], capture_output=True, text=True, check=False)
    assert ran.returncode == 127 and "/bin/sh" in ran.stderr
