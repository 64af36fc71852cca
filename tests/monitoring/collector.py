"""A stand-in for an OpenTelemetry collector: takes OTLP by HTTP and by gRPC and decodes it with the official types."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc


class Collector:
    """What came: `requests` (headers and decoded message), and the spans and log records of all of them."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], Any]] = []
        # Statuses to answer the next requests with instead of taking them.
        self.failures: list[Any] = []
        self.lock = threading.Lock()

    def take(self, headers: dict[str, str], message: Any) -> None:
        with self.lock:
            self.requests.append((headers, message))

    def fails(self) -> Any | None:
        with self.lock:
            return self.failures.pop(0) if self.failures else None

    def spans(self) -> list[Any]:
        with self.lock:
            messages = [message for _, message in self.requests if isinstance(message, trace_service_pb2.ExportTraceServiceRequest)]
        return [span for message in messages for whose in message.resource_spans for scope in whose.scope_spans for span in scope.spans]

    def logs(self) -> list[Any]:
        with self.lock:
            messages = [message for _, message in self.requests if isinstance(message, logs_service_pb2.ExportLogsServiceRequest)]
        return [record for message in messages for whose in message.resource_logs for scope in whose.scope_logs for record in scope.log_records]


class HttpCollector(Collector):
    protocol = "http"

    def __enter__(self) -> HttpCollector:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                kinds = {
                    "/v1/traces": (trace_service_pb2.ExportTraceServiceRequest, trace_service_pb2.ExportTraceServiceResponse),
                    "/v1/logs": (logs_service_pb2.ExportLogsServiceRequest, logs_service_pb2.ExportLogsServiceResponse),
                }
                failure = collector.fails()
                if failure or self.path not in kinds or self.headers["content-type"] != "application/x-protobuf":
                    self.send_response(failure or 404)
                    self.send_header("content-length", "0")
                    self.end_headers()
                    return
                request, response = kinds[self.path]
                collector.take({k.lower(): v for k, v in self.headers.items()}, request.FromString(body))
                answer = response().SerializeToString()
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class GrpcCollector(Collector):
    protocol = "grpc"

    def __enter__(self) -> GrpcCollector:
        collector = self

        def take(message: Any, context: grpc.ServicerContext) -> None:
            if code := collector.fails():
                context.abort(code, "not now")
            collector.take(dict(context.invocation_metadata()), message)

        class Traces(trace_service_pb2_grpc.TraceServiceServicer):
            def Export(self, request: Any, context: grpc.ServicerContext) -> Any:
                take(request, context)
                return trace_service_pb2.ExportTraceServiceResponse()

        class Logs(logs_service_pb2_grpc.LogsServiceServicer):
            def Export(self, request: Any, context: grpc.ServicerContext) -> Any:
                take(request, context)
                return logs_service_pb2.ExportLogsServiceResponse()

        self._server = grpc.server(ThreadPoolExecutor(max_workers=4))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Traces(), self._server)
        logs_service_pb2_grpc.add_LogsServiceServicer_to_server(Logs(), self._server)
        self.endpoint = f"http://127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(grace=None).wait()


def value(any_value: Any) -> Any:
    return getattr(any_value, any_value.WhichOneof("value"))


def attributes(of: Any) -> dict[str, Any]:
    return {pair.key: value(pair.value) for pair in of.attributes}
