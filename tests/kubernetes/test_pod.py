"""The life of an injected pod, imitated: its containers are what `llm-sidecar inject` has made of them."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pod import ADMIN, POD, SDK_PYTHON, VENDOR, ConfigMap, Container, Namespaces, environment
from shapes import env, pod

APP = Path(__file__).with_name("app.py")


@pytest.fixture(scope="module")
def namespaces() -> Iterator[Namespaces]:
    with Namespaces() as made:
        yield made


@pytest.fixture(scope="module")
def vendor(namespaces: Namespaces, binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    log = tmp_path_factory.mktemp("vendor") / "log"
    running = Container(namespaces, 1, [binary, "simulate", "--listen", f"{VENDOR}:4010"], log=log)
    until("the vendor answers", lambda: get(namespaces, f"{VENDOR}:4010", "/v1/models")[0] in (200, 401))
    yield running
    running.signal()
    running.finish()


@dataclass
class Pod:
    namespaces: Namespaces
    config: ConfigMap
    keys: ConfigMap
    sidecar: Container
    spec: dict[str, Any]

    def app(self, how: str) -> Container:
        (container,) = [c for c in self.spec["containers"] if c["name"] == "app"]
        return Container(self.namespaces, 0, [SDK_PYTHON, APP, how], environment(container))

    def metric(self, sample: str) -> float:
        _, text = get(self.namespaces, ADMIN, "/metrics")
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(sample))


def config(keys: Path, model: str) -> str:
    # JSON is YAML. The aliases' order and their models change; what the application asks for is always there.
    return json.dumps({
        "providers": {"sim": {"type": "openai", "base_url": f"http://{VENDOR}:4010/v1", "api_key": f"${{file:{keys}/openai}}"}},
        "models": {"gpt-4o": {"targets": [{"provider": "sim", "model": model}]}},
        "server": {"drain_delay": "0s"},
    })


@pytest.fixture(params=["auto", "never"], ids=["native", "plain"])
def running(request: pytest.FixtureRequest, namespaces: Namespaces, vendor: Container, binary: Path, tmp_path: Path) -> Iterator[Pod]:
    # A proxy that is not there: only what was injected keeps the SDKs from asking it.
    given = pod(env(("HTTP_PROXY", "http://10.77.0.9:1"), ("HTTPS_PROXY", "http://10.77.0.9:1"), ("ALL_PROXY", "http://10.77.0.9:1")))
    made = subprocess.run(
        [binary, "inject", f"--native={request.param}"], input=json.dumps(given), capture_output=True, text=True, check=True)
    spec = json.loads(made.stdout)["spec"]
    first = spec["initContainers" if request.param == "auto" else "containers"][0]
    keys, folder = ConfigMap(tmp_path / "keys"), ConfigMap(tmp_path / "config")
    keys.write({"openai": "vendor-key-canary"})
    folder.write({"config.yaml": config(keys.folder, "gpt-4o")})
    # The mounts' paths stand for these folders.
    mounts = {mount["mountPath"]: tmp_path / mount["name"].removeprefix("llm-sidecar-") for mount in first["volumeMounts"]}
    arguments = [argument.replace(str(path), str(mounts[path])) for argument in first["args"] for path in ["/etc/llm-sidecar"]]
    sidecar = Container(namespaces, 0, [binary, *arguments], environment(first), tmp_path / "log")
    path = first["startupProbe"]["httpGet"]["path"]
    until("the startup probe succeeds", lambda: get(namespaces, ADMIN, path)[0] == 200)
    yield Pod(namespaces, folder, keys, sidecar, spec)
    if sidecar.process.poll() is None:
        sidecar.process.kill()
        sidecar.finish()


def get(namespaces: Namespaces, address: str, path: str) -> tuple[int, str]:
    """Asks from outside of the pod; 0 where nobody listens."""
    script = (
        "import http.client, sys\n"
        "try:\n"
        "    c = http.client.HTTPConnection(sys.argv[1], timeout=5); c.request('GET', sys.argv[2]); r = c.getresponse()\n"
        "    print(r.status); print(r.read().decode())\n"
        "except ConnectionRefusedError:\n"
        "    print(0)\n")
    ran = subprocess.run([*namespaces.inside(1), SDK_PYTHON, "-c", script, address, path], capture_output=True, text=True, check=True)
    status, _, body = ran.stdout.partition("\n")
    return int(status), body


def until(what: str, holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def test_an_unchanged_sdk_streams(running: Pod) -> None:
    code, out = running.app("ask").finish()
    assert code == 0
    said = json.loads(out)
    assert said["openai"] and said["anthropic"]
    assert said["key"] == "llm-sidecar", "the application holds a placeholder"
    assert running.metric("llm_requests_total{") == 2
    # The data port is the pod's own business.
    assert get(running.namespaces, f"{POD}:4000", "/v1/models")[0] == 0


def test_no_request_fails_while_the_configuration_changes(running: Pod) -> None:
    app = running.app("load")
    assert app.line() == "asking\n"
    for number in range(1, 11):
        running.config.write({"config.yaml": config(running.keys.folder, f"model-{number}")})
        until("it is reloaded", lambda number=number: running.metric('llm_config_reloads_total{result="ok"') >= number)
    running.config.write({"config.yaml": "providers: ["})
    until("it says that it keeps the old one", lambda: running.metric("llm_config_in_sync") == 0)
    running.keys.write({"openai": "another-key"})
    running.config.write({"config.yaml": config(running.keys.folder, "last")})
    until("it is in sync again", lambda: running.metric("llm_config_in_sync") == 1)
    app.signal()
    code, out = app.finish()
    counted = json.loads(out)
    assert (code, counted["failures"]) == (0, [])
    assert counted["done"] > 8
    assert running.metric('llm_requests_total{provider="sim",model="last"') > 0


def test_stopping_loses_nothing(running: Pod) -> None:
    """A native sidecar is told to stop when the application has ended."""
    app = running.app("load")
    assert app.line() == "asking\n"
    until("requests are under way", lambda: running.metric("llm_active_requests") > 0)
    app.signal()
    code, out = app.finish()
    counted = json.loads(out)
    assert (code, counted["failures"]) == (0, [])
    assert counted["done"] >= 5, "one under way, and four asked after it was told to stop"
    running.sidecar.signal()
    assert running.sidecar.finish()[0] == 0


def test_streams_outlive_a_sidecar_that_is_told_to_stop_with_the_application(running: Pod, binary: Path) -> None:
    """A plain sidecar is told at the same time; its preStop command holds the signal back."""
    app = running.app("load")
    assert app.line() == "asking\n"
    # Of each of its threads: one that comes only after the signal finds nobody.
    until("all requests are under way", lambda: running.metric("llm_active_requests") >= 4)
    app.signal()
    sidecars = [c for c in running.spec["containers"] if "lifecycle" in c]
    for sidecar in sidecars:
        command = sidecar["lifecycle"]["preStop"]["exec"]["command"]
        subprocess.run([binary, *command[1:]], check=True)
    running.sidecar.signal()
    code, out = app.finish()
    counted = json.loads(out)
    assert code == 0
    if sidecars:
        assert counted["failures"] == []
    else:
        # The kubelet does not do this to a native one. What was under way is finished all the same; only new requests find nobody.
        assert all("Connection" in failure for failure in counted["failures"])
    assert counted["done"] >= 4
    assert running.sidecar.finish()[0] == 0
