"""Traces and usage records as a collector gets them, by HTTP and by gRPC."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from collector import Collector, GrpcCollector, HttpCollector, attributes
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from sidecar import Sidecar, Simulator, eventually

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
SECRET = "canary-7f3a9c"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(params=[HttpCollector, GrpcCollector], ids=["http", "grpc"])
def collector(request: pytest.FixtureRequest) -> Iterator[Collector]:
    with request.param() as collector:
        yield collector


def config(simulator: Simulator, telemetry: dict[str, Any]) -> dict[str, Any]:
    provider = {"type": "openai", "base_url": simulator.url("simulator", "/v1"), "api_key": "sim-key-0123456789", "retry": {"attempts": 2, "backoff": "1ms..2ms"}}
    return {"providers": {"first": provider, "second": provider},
            "models": {"fast": {"targets": [{"provider": "first", "model": "gpt-4o-mini"}], "fallback": [{"provider": "second", "model": "gpt-4o-mini"}]}},
            "telemetry": telemetry}


def telemetry(collector: Collector, **more: Any) -> dict[str, Any]:
    otlp = {"endpoint": collector.endpoint, "protocol": collector.protocol, "interval": "50ms", "headers": {"authorization": f"Bearer {SECRET}"}}
    return {"otlp": otlp, "resource": {"deployment.environment.name": "test"}} | more


def ask(sidecar: Sidecar, text: str, headers: dict[str, str] | None = None, stream: bool = False, model: str = "fast") -> int:
    body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": text}]}
    request = urllib.request.Request(sidecar.url("data", "/v1/chat/completions"), json.dumps(body).encode(),
                                     {"content-type": "application/json"} | (headers or {}))
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def access_lines(sidecar: Sidecar) -> list[dict[str, Any]]:
    return [line for line in sidecar.log_lines() if line.get("message") == "request"]


def test_a_streamed_request_has_a_span_and_its_attempt_another(simulator: Simulator, collector: Collector) -> None:
    before = time.time_ns()
    with Sidecar(config(simulator, telemetry(collector))) as sidecar:
        assert ask(sidecar, "Hello", {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=x"}, stream=True) == 200
        assert eventually(lambda: len(collector.spans()) == 2), sidecar.log_text()
        assert eventually(lambda: access_lines(sidecar) != [])
        access = access_lines(sidecar)[0]
        assert eventually(lambda: sidecar.metric("llm_telemetry_records_total", result="sent") == 2)
        assert f'# {{trace_id="{TRACE}"}}' in urllib.request.urlopen(sidecar.url("admin", "/metrics"), timeout=5).read().decode()
        assert SECRET not in sidecar.log_text()
    headers, message = collector.requests[0]
    assert headers["authorization"] == f"Bearer {SECRET}"
    resource = attributes(message.resource_spans[0].resource)
    assert resource["service.name"] == "llm-sidecar" and resource["deployment.environment.name"] == "test"
    server = next(span for span in collector.spans() if span.kind == Span.SPAN_KIND_SERVER)
    client = next(span for span in collector.spans() if span.kind == Span.SPAN_KIND_CLIENT)
    # Parents: the caller, the request, the attempt.
    assert server.trace_id.hex() == client.trace_id.hex() == TRACE
    assert server.parent_span_id.hex() == PARENT
    assert client.parent_span_id == server.span_id
    assert len(client.span_id) == 8 and client.span_id != server.span_id
    assert server.trace_state == client.trace_state == "vendor=x"
    assert server.flags & 1 == 1
    # Times.
    first, end = client.events
    assert (first.name, end.name) == ("llm.first_token", "llm.end")
    assert before <= server.start_time_unix_nano <= client.start_time_unix_nano <= first.time_unix_nano <= end.time_unix_nano
    assert end.time_unix_nano <= client.end_time_unix_nano <= server.end_time_unix_nano <= time.time_ns()
    assert [event.name for event in server.events] == ["llm.first_token", "llm.end"]
    # Attributes.
    assert client.name == "chat gpt-4o-mini" and client.status.code == Status.STATUS_CODE_UNSET
    host, _, port = simulator.addresses["simulator"].rpartition(":")
    shown = attributes(client)
    expected = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini",
                "server.address": host, "server.port": int(port), "llm.provider": "first", "llm.attempt": 1, "llm.attempt.class": "success",
                "gen_ai.usage.input_tokens": access["prompt_tokens"], "gen_ai.usage.output_tokens": access["completion_tokens"]}
    assert shown | expected == shown
    shown = attributes(server)
    expected = {"http.request.method": "POST", "http.response.status_code": 200, "gen_ai.request.model": "fast", "gen_ai.response.model": "gpt-4o-mini",
                "gen_ai.operation.name": "chat", "llm.request_id": access["request_id"], "llm.outcome": "complete", "llm.attempts": 1, "llm.stream": True,
                "gen_ai.usage.input_tokens": access["prompt_tokens"], "gen_ai.usage.output_tokens": access["completion_tokens"]}
    assert shown | expected == shown
    assert "Hello" not in str(collector.requests), "content is not captured"


def test_each_attempt_is_a_span_and_failures_are_told(simulator: Simulator, collector: Collector) -> None:
    with Sidecar(config(simulator, telemetry(collector))) as sidecar:
        assert ask(sidecar, "Hello [sim status=503 times=1]") == 200
        assert eventually(lambda: len(collector.spans()) == 3), sidecar.log_text()
    spans = sorted(collector.spans(), key=lambda span: (span.kind, attributes(span).get("llm.attempt", 0)))
    server, failed, answered = spans
    assert not server.parent_span_id and server.trace_id == failed.trace_id == answered.trace_id
    assert failed.parent_span_id == answered.parent_span_id == server.span_id
    assert failed.status.code == Status.STATUS_CODE_ERROR and attributes(failed)["error.type"] == "503"
    assert attributes(failed)["http.response.status_code"] == 503 and attributes(failed)["llm.attempt.class"] == "refused"
    assert answered.status.code == Status.STATUS_CODE_UNSET and attributes(answered)["llm.attempt"] == 2
    assert attributes(answered)["llm.provider"] == "second"
    assert failed.end_time_unix_nano <= answered.start_time_unix_nano


def test_an_error_told_to_the_client_marks_its_span(simulator: Simulator, collector: Collector) -> None:
    with Sidecar(config(simulator, telemetry(collector))) as sidecar:
        assert ask(sidecar, "Hello", model="unheard-of") == 404
        assert eventually(lambda: len(collector.spans()) == 1), sidecar.log_text()
    shown = attributes(collector.spans()[0])
    assert shown["http.response.status_code"] == 404 and shown["error.type"] == "model_not_found"


def test_the_caller_decides_and_else_the_ratio(simulator: Simulator, collector: Collector) -> None:
    with Sidecar(config(simulator, telemetry(collector, sampling={"ratio": "0%"}))) as sidecar:
        assert ask(sidecar, "one") == 200
        assert ask(sidecar, "two", {"traceparent": f"00-{TRACE}-{PARENT}-00"}) == 200
        assert ask(sidecar, "three", {"traceparent": "00-nonsense"}) == 200
        assert ask(sidecar, "four", {"traceparent": f"00-{TRACE}-{PARENT}-01"}) == 200
        assert eventually(lambda: len(collector.spans()) == 2), sidecar.log_text()
    assert {span.trace_id.hex() for span in collector.spans()} == {TRACE}


def test_usage_goes_out_as_log_records_sampled_or_not(simulator: Simulator, collector: Collector) -> None:
    with Sidecar(config(simulator, telemetry(collector, usage=True, traces=False))) as sidecar:
        assert ask(sidecar, "Hello", stream=True) == 200
        assert ask(sidecar, "Hello", model="unheard-of") == 404
        assert eventually(lambda: len(collector.logs()) == 2), sidecar.log_text()
        assert eventually(lambda: len(access_lines(sidecar)) == 2)
        lines = {line["request_id"]: line for line in access_lines(sidecar)}
    assert not collector.spans()
    for record in collector.logs():
        shown = attributes(record)
        line = lines[shown["llm.request_id"]]
        assert record.event_name == "llm.usage" and not record.trace_id
        assert shown["http.response.status_code"] == line["status"] and shown["llm.outcome"] == line["outcome"]
        assert shown.get("gen_ai.usage.output_tokens") == line["completion_tokens"]
        assert shown.get("llm.reported_cost.nano") == line["cost_nano"] and shown.get("llm.reported_cost.currency") == line["cost_currency"]
        assert shown["llm.duration"] * 1000 == pytest.approx(line["duration_ms"], abs=0.001)


def test_content_is_captured_only_where_it_is_asked_for(simulator: Simulator, collector: Collector) -> None:
    with Sidecar(config(simulator, telemetry(collector, content=True))) as sidecar:
        assert ask(sidecar, "a rare word: quokka") == 200
        assert eventually(lambda: len(collector.spans()) == 2), sidecar.log_text()
    server = next(span for span in collector.spans() if span.kind == Span.SPAN_KIND_SERVER)
    shown = attributes(server)
    assert "quokka" in shown["llm.request.body"]
    assert json.loads(shown["llm.response.body"])["choices"]


def test_an_export_that_fails_is_tried_again(simulator: Simulator, collector: Collector) -> None:
    collector.failures = [503] if collector.protocol == "http" else [grpc.StatusCode.UNAVAILABLE]
    with Sidecar(config(simulator, telemetry(collector))) as sidecar:
        assert ask(sidecar, "Hello") == 200
        assert eventually(lambda: len(collector.spans()) == 2, seconds=10), sidecar.log_text()


def test_what_is_left_goes_out_at_the_end(simulator: Simulator, collector: Collector) -> None:
    late = telemetry(collector)
    late["otlp"]["interval"] = "10m"
    with Sidecar(config(simulator, late)) as sidecar:
        assert ask(sidecar, "Hello") == 200
        assert not collector.spans()
    assert len(collector.spans()) == 2


def test_the_standard_variables_do_without_the_file(simulator: Simulator, collector: Collector) -> None:
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc" if collector.protocol == "grpc" else "http/protobuf",
           "OTEL_EXPORTER_OTLP_HEADERS": "x-team=a%20b", "OTEL_SERVICE_NAME": "shop", "OTEL_RESOURCE_ATTRIBUTES": "service.namespace=web,team=a"}
    with Sidecar(config(simulator, {"otlp": {"interval": "50ms"}}), env) as sidecar:
        assert ask(sidecar, "Hello") == 200
        assert eventually(lambda: len(collector.spans()) == 2), sidecar.log_text()
    headers, message = collector.requests[0]
    assert headers["x-team"] == "a b"
    resource = attributes(message.resource_spans[0].resource)
    assert (resource["service.name"], resource["service.namespace"], resource["team"]) == ("shop", "web", "a")


def test_without_an_endpoint_nothing_is_traced(simulator: Simulator) -> None:
    with Sidecar(config(simulator, {})) as sidecar:
        assert ask(sidecar, "Hello") == 200
        assert sidecar.metric("llm_telemetry_records_total") == 0
