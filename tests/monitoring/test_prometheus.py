"""Metrics, alerts and the dashboard with a real Prometheus: promtool's checks, and every query against a sidecar that is scraped."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from collector import HttpCollector
from sidecar import ROOT, Sidecar, Simulator, eventually

FILES = ROOT / "helm/llm-sidecar/files"
ALERTS = FILES / "alerts.yaml"
DASHBOARD = FILES / "dashboard.json"
# Money has a page of its own.
PAGES = [(ROOT / "docs" / page).read_text() for page in ("monitoring.md", "costs.md")]
JOB = "llm-sidecar"
TOKEN = "operator-token"


def tool(name: str) -> str:
    path = shutil.which(name)
    assert path, f"{name} is missing: scripts/setup monitoring"
    return path


def promtool(*arguments: str | Path, text: str | None = None) -> str:
    run = subprocess.run([tool("promtool"), *arguments], input=text, capture_output=True, text=True)
    said = run.stdout + run.stderr
    assert run.returncode == 0, said
    return said


def test_the_rules_are_valid() -> None:
    promtool("check", "rules", ALERTS)


def test_the_rules_fire_and_rest_as_they_should() -> None:
    promtool("test", "rules", Path(__file__).with_name("alerts.test.yaml"))


@pytest.mark.parametrize(("was", "becomes"), [("> 0.10", "> 0.50"), ("7 * 86400", "6 * 86400"), ("> 30", "> 60"), (">= 0.9", ">= 0.96"), ("== 2", "== 3")])
def test_a_wrong_rule_would_be_noticed(tmp_path: Path, was: str, becomes: str) -> None:
    assert was in ALERTS.read_text()
    (tmp_path / "alerts.yaml").write_text(ALERTS.read_text().replace(was, becomes))
    tests = Path(__file__).with_name("alerts.test.yaml").read_text().replace("../../helm/llm-sidecar/files/alerts.yaml", "alerts.yaml")
    (tmp_path / "test.yaml").write_text(tests)
    assert subprocess.run([tool("promtool"), "test", "rules", tmp_path / "test.yaml"], capture_output=True).returncode != 0


def test_every_alert_is_tested_and_documented() -> None:
    names = {rule["alert"] for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]}
    tests = yaml.safe_load(Path(__file__).with_name("alerts.test.yaml").read_text())["tests"]
    fired = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case["exp_alerts"]}
    assert fired == names
    assert {name for name in names if f"`{name}`" not in PAGES[0]} == set()


class Prometheus:
    """A Prometheus that scrapes one sidecar every half second and evaluates the project's rules."""

    def __init__(self, folder: Path, target: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        config = {
            "global": {"scrape_interval": "500ms", "evaluation_interval": "500ms"},
            "rule_files": [str(ALERTS)],
            "scrape_configs": [{"job_name": JOB, "static_configs": [{"targets": [target]}]}],
        }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        self._log = (folder / "log").open("w+")
        self._command = [tool("prometheus"), f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
                         f"--web.listen-address={self.address}", "--enable-feature=exemplar-storage", "--web.console.templates=/dev/null",
                         "--web.console.libraries=/dev/null"]

    def __enter__(self) -> Prometheus:
        self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT)
        assert eventually(self._is_ready, seconds=60), self.log()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)
        self._log.close()

    def log(self) -> str:
        self._log.seek(0)
        return self._log.read()

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, self.log()
        try:
            with urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def get(self, path: str, **query: str) -> Any:
        with urllib.request.urlopen(f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(query)}", timeout=20) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[Any]:
        return self.get("query", query=expression)["result"]


def config(simulator: Simulator, collector: HttpCollector, folder: Path) -> dict[str, Any]:
    def provider(**more: Any) -> dict[str, Any]:
        return {"type": "openai", "base_url": simulator.url("simulator", "/v1"), "api_key": "sim-key-0123456789", "retry": {"attempts": 2, "backoff": "1ms..2ms"}} | more

    closed = provider(base_url="http://127.0.0.1:9/v1", breaker={"consecutive_failures": 2, "open": "60s..60s"}, retry={"attempts": 1})
    return {
        "admin": {"listen": "127.0.0.1:0", "tokens": [{"name": "ops", "role": "operator", "token": TOKEN}]},
        "providers": {"main": provider(limit={"concurrency": {"max": 50}}), "claude": provider(type="anthropic", base_url=simulator.url("simulator")), "down": closed},
        "clients": [{"name": "app", "key": "app-key-0123456789"}, {"name": "small", "key": "small-key-0123456789", "limit": {"requests": {"rate": "1/h"}}}],
        "models": {
            "fast": {"targets": [{"provider": "main", "model": "gpt-4o-mini"}]},
            "kept": {"targets": [{"provider": "main", "model": "gpt-4o"}], "cache": {"ttl": "1h"}},
            "broken": {"targets": [{"provider": "down", "model": "gpt-4o"}]},
            "degraded": {"targets": [{"provider": "down", "model": "gpt-4o"}], "degraded": {"answer": "Later."}},
            "hedged": {"targets": [{"provider": "main", "model": "gpt-4o"}], "fallback": [{"provider": "claude", "model": "claude-haiku-4-5"}],
                       "hedge": {"after": "20ms"}},
            "claude": {"targets": [{"provider": "claude", "model": "claude-haiku-4-5"}]},
        },
        "usage": {"file": {"path": str(folder / "usage.jsonl")}},
        "budgets": [{"name": "all", "amount": 500, "currency": "USD", "per": "month"}],
        "telemetry": {"otlp": {"endpoint": collector.endpoint, "interval": "100ms"}},
    }


def traffic(sidecar: Sidecar) -> None:
    """Something of everything the dashboard shows."""
    def ask(model: str, text: str = "Hello", key: str = "app-key-0123456789", **more: Any) -> None:
        body = {"model": model, "messages": [{"role": "user", "content": text}]} | more
        request = urllib.request.Request(sidecar.url("data", "/v1/chat/completions"), json.dumps(body).encode(),
                                         {"content-type": "application/json", "authorization": f"Bearer {key}"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                answer.read()
        except urllib.error.HTTPError as error:
            error.read()

    for _ in range(3):
        ask("fast")
        ask("fast", "Hello [sim chunks=5 chunk-ms=5]", stream=True)
        ask("fast", "Hello [sim status=500]")
        ask("kept", temperature=0)
        ask("broken")
        ask("degraded")
        ask("hedged", "Hello [sim delay-ms=80]")
        ask("claude", logit_bias={"1": 1})
        ask("fast", key="small-key-0123456789")
        ask("unheard-of")


def reload(sidecar: Sidecar) -> None:
    request = urllib.request.Request(sidecar.url("admin", "/api/v1/config/reload"), b"", {"authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sidecar, Prometheus]]:
    with Simulator() as simulator, HttpCollector() as collector, Sidecar(config(simulator, collector, tmp_path_factory.mktemp("usage"))) as sidecar:
        with Prometheus(tmp_path_factory.mktemp("prometheus"), sidecar.addresses["admin"]) as prometheus:
            traffic(sidecar)
            reload(sidecar)
            # The first round must have been scraped, so that the second one shows as a rate.
            reloads = 'llm_config_reloads_total{result="ok"} == 1'
            assert eventually(lambda: prometheus.query(reloads) != [], seconds=20), prometheus.log()
            traffic(sidecar)
            reload(sidecar)
            rates = f'rate(llm_config_reloads_total{{job="{JOB}"}}[1m]) > 0'
            assert eventually(lambda: prometheus.query(rates) != [], seconds=20), prometheus.log()
            yield sidecar, prometheus


def page(sidecar: Sidecar, accept: str) -> str:
    with urllib.request.urlopen(urllib.request.Request(sidecar.url("admin", "/metrics"), headers={"accept": accept}), timeout=10) as answer:
        return answer.read().decode()


def test_the_page_is_clean(scraped: tuple[Sidecar, Prometheus]) -> None:
    assert promtool("check", "metrics", text=page(scraped[0], "text/plain;version=0.0.4")).strip() == ""


def test_prometheus_scrapes_it_as_open_metrics_with_exemplars(scraped: tuple[Sidecar, Prometheus]) -> None:
    _, prometheus = scraped
    targets = prometheus.get("targets")["activeTargets"]
    assert [(target["health"], target["lastError"]) for target in targets] == [("up", "")]
    now = time.time()
    found = prometheus.get("query_exemplars", query="llm_request_duration_seconds_bucket", start=str(now - 600), end=str(now + 60))
    traces = [exemplar["labels"]["trace_id"] for series in found for exemplar in series["exemplars"]]
    assert traces and all(re.fullmatch("[0-9a-f]{32}", trace) for trace in traces)


def queries() -> list[tuple[str, str]]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [(f"{panel['title']} {target['refId']}", target["expr"]) for panel in panels for target in panel.get("targets", [])]


@pytest.mark.parametrize(("name", "expression"), queries(), ids=[name for name, _ in queries()])
def test_every_query_of_the_dashboard_returns_data(scraped: tuple[Sidecar, Prometheus], name: str, expression: str) -> None:
    _, prometheus = scraped
    expression = expression.replace("$__rate_interval", "1m")
    for variable in ("job", "provider", "model"):
        expression = expression.replace(f"${variable}", ".*")
    assert "$" not in expression
    assert eventually(lambda: has_data(prometheus.query(expression)), seconds=10), f"{name}: {expression}"


def has_data(result: list[Any]) -> bool:
    return any(sample["value"][1] != "NaN" for sample in result)


def test_variables_and_annotations_of_the_dashboard_return_data(scraped: tuple[Sidecar, Prometheus]) -> None:
    _, prometheus = scraped
    dashboard = json.loads(DASHBOARD.read_text())
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            metric, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"]).groups()
            metric = re.sub(r"\$\w+", ".*", metric)
            assert {sample["metric"][label] for sample in prometheus.query(metric)}, variable["name"]
    for annotation in dashboard["annotations"]["list"]:
        prometheus.query(annotation["expr"].replace("$job", ".*"))


def test_the_rules_are_loaded_and_fire(scraped: tuple[Sidecar, Prometheus]) -> None:
    _, prometheus = scraped
    rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    assert {rule["health"] for rule in rules} == {"ok"}
    # The breaker of a provider that is down has opened: the alert waits for its minute.
    assert eventually(lambda: any(alert["labels"]["alertname"] == "LLMBreakerOpen" for alert in prometheus.get("alerts")["alerts"]), seconds=10)


def test_every_family_is_documented_and_every_documented_one_exists(scraped: tuple[Sidecar, Prometheus]) -> None:
    families = set(re.findall(r"^# TYPE (\w+) ", page(scraped[0], "text/plain"), re.MULTILINE))
    sections = [page.split("\n## Metrics")[1].split("\n## ")[0] for page in PAGES]
    documented = {name for row in "\n".join(sections).splitlines() if row.startswith("| `llm_") for name in re.findall(r"`(llm_\w+)", row.split(" | ")[0])}
    assert families == documented
    used = set(re.findall(r"\bllm_\w+", ALERTS.read_text() + "".join(expression for _, expression in queries())))
    # The injector is a process of its own, with a page of its own.
    used = {re.sub("_(bucket|count|sum)$", "", name) for name in used if not name.startswith("llm_sidecar_")}
    assert used <= families
