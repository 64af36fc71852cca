"""How each proxy is configured."""

from __future__ import annotations

import os
import resource
import shutil
from dataclasses import dataclass
from pathlib import Path

import install
from proxies import Server, free_port


@dataclass(frozen=True)
class Upstream:
    """What the proxies pass requests on to."""

    address: str
    # Whom to trust; without it there is no TLS.
    ca: Path | None = None
    # Those that can are to speak HTTP/2 with it.
    http2: bool = False


NGINX = """
daemon off;
worker_processes 1;
worker_rlimit_nofile 65536;
pid {folder}/nginx.pid;
error_log {folder}/nginx.error.log;
{user}
events {{ worker_connections 32768; }}
http {{
    access_log {folder}/nginx.access.log combined buffer=32k flush=500ms;
    client_body_temp_path {folder}/nginx.body;
    proxy_temp_path {folder}/nginx.proxy;
    fastcgi_temp_path {folder}/nginx.fastcgi;
    uwsgi_temp_path {folder}/nginx.uwsgi;
    scgi_temp_path {folder}/nginx.scgi;
    keepalive_timeout 75s;
    keepalive_requests 100000000;
    tcp_nodelay on;
    client_body_buffer_size 16m;
    client_max_body_size 64m;
    upstream vendor {{
        server {upstream};
        keepalive 128;
        keepalive_requests 100000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass {scheme}://vendor;
            {tls}
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_read_timeout 60s;
        }}
    }}
}}
"""

HAPROXY = """
global
    nbthread 1
    maxconn {connections}
    log stdout format raw local0
defaults
    mode http
    log global
    option httplog
    option http-keep-alive
    option http-no-delay
    http-reuse always
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout http-keep-alive 75s
frontend clients
    bind 127.0.0.1:{port} backlog 4096
    default_backend vendor
backend vendor
    server vendor {upstream} maxconn {connections} {tls}
"""

ENVOY = """
static_resources:
  listeners:
  - name: clients
    address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    tcp_backlog_size: 4096
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: clients
          access_log:
          - name: envoy.access_loggers.file
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
              path: {folder}/envoy.access.log
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
          route_config:
            virtual_hosts:
            - {{name: all, domains: ["*"], routes: [{{match: {{prefix: /}}, route: {{cluster: vendor, timeout: 600s}}}}]}}
  clusters:
  - name: vendor
    type: STATIC
    connect_timeout: 5s
    circuit_breakers: {{thresholds: [{{max_connections: 32768, max_pending_requests: 32768, max_requests: 32768}}]}}
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {{{protocol}: {{}}}}
    load_assignment:
      cluster_name: vendor
      endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {upstream_port}}}}}}}}}]}}]
    {tls}
"""

ENVOY_TLS = """transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        sni: localhost
        common_tls_context:
          alpn_protocols: [{alpn}]
          validation_context: {{trusted_ca: {{filename: {ca}}}}}"""

# Everything on that a deployment would have on, with limits that nothing here reaches.
SIDECAR = """
listen: 127.0.0.1:{port}
admin: {{listen: 127.0.0.1:{admin}}}
providers:
  openai:
    type: openai
    base_url: {scheme}://{upstream}/v1
    api_key: sk-bench-fedcba9876543210
    models: [gpt-4o-mini]
    timeout: {{connect: 5s, first_token: 60s, idle: 60s, total: 10m}}
    retry: {{attempts: 3, backoff: 100ms..2s, budget: 20%}}
    {guards}
    {tls}
  anthropic:
    type: anthropic
    base_url: {scheme}://{upstream}
    api_key: sk-ant-bench-fedcba9876543210
    models: [claude-haiku-4-5]
    {guards}
    {tls}
models:
  fast: {{targets: [{{provider: openai, model: gpt-4o-mini}}]}}
  claude: {{targets: [{{provider: anthropic, model: claude-haiku-4-5}}]}}
{metering}
"""

GUARDS = (
    "limit: {requests: {rate: 1000000/s}, tokens: {rate: 1000000000/s}, concurrency: {max: 100000}}\n"
    "    breaker: {consecutive_failures: 5, failure_ratio: 0.5, min_requests: 20, window: 30s, open: 5s..60s}"
)
NO_GUARDS = "breaker: {enabled: false}"

METERING = (
    "prices: {overrides: {openai/gpt-4o-mini: {input: 0.15, output: 0.60, per: 1M}, "
    "anthropic/claude-haiku-4-5: {input: 1.00, output: 5.00, per: 1M}}}\n"
)
# A record of each request in a file, and a budget that nothing here spends.
LEDGER = "usage: {file: {path: FOLDER/usage/records.jsonl}}\nbudgets: [{name: all, amount: 1000000}]\n"
NO_METERING = "log: {access: false}\n"

# More sidecars that can be measured in the same run: limits and breaker, and metering. What something costs is a difference between two.
VARIANTS = {
    "unguarded": (NO_GUARDS, METERING),
    "unmetered": (GUARDS, NO_METERING),
    "everything": (GUARDS, METERING + LEDGER),
}


def tls(name: str, upstream: Upstream) -> str:
    """The part of a proxy's configuration by which it speaks TLS with the upstream and verifies it."""
    if upstream.ca is None:
        return ""
    alpn = "h2" if upstream.http2 else "http/1.1"
    if name == "nginx":
        return (
            f"proxy_ssl_verify on; proxy_ssl_trusted_certificate {upstream.ca}; proxy_ssl_name localhost; proxy_ssl_server_name on; "
            "proxy_ssl_session_reuse on; proxy_ssl_protocols TLSv1.2 TLSv1.3;"
        )
    if name == "haproxy":
        return f"ssl verify required ca-file {upstream.ca} sni str(localhost) verifyhost localhost alpn {alpn}"
    if name == "envoy":
        return ENVOY_TLS.format(ca=upstream.ca, alpn=alpn)
    return f"tls: {{ca: {upstream.ca}, server_name: localhost}}"


def make(
    binary: Path, upstream: Upstream, folder: Path, core: int | None, variants: list[str], other: Path | None = None
) -> list[Server]:
    """nginx, haproxy and envoy if they are installed, the sidecar, another build of it if there is one, and `variants` of the sidecar."""
    made = []
    # The sidecar watches its configuration's folder: logs and records are written elsewhere, as they are where it is deployed.
    for name in ("config", "usage"):
        (folder / name).mkdir(exist_ok=True)
    # haproxy does not start if it may not open two files for each connection that it is to take.
    connections = min(32768, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 100) // 2)

    def add(name: str, template: str, command: list[str], guards: str = "", metering: str = "") -> None:
        port = free_port()
        given = {
            "port": port,
            "admin": free_port(),
            "upstream": upstream.address,
            "upstream_port": upstream.address.rpartition(":")[2],
            "scheme": "http" if upstream.ca is None else "https",
            "protocol": "http2_protocol_options" if upstream.http2 else "http_protocol_options",
            "tls": tls(name, upstream),
            "folder": folder,
            "user": "user root;" if os.geteuid() == 0 else "",
            "guards": guards,
            "metering": metering.replace("FOLDER", str(folder)),
            "connections": connections,
        }
        config = folder / "config" / f"{name}.{'yaml' if name == 'envoy' else 'conf'}"
        config.write_text(template.format(**given))
        made.append(Server(name, port, [*command, str(config)], folder, core))

    add("nginx", NGINX, [install.nginx(), "-p", str(folder), "-e", str(folder / "nginx.error.log"), "-c"])
    haproxy = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if haproxy:
        add("haproxy", HAPROXY, [haproxy, "-db", "-f"])
    if found := install.envoy():
        add("envoy", ENVOY, [str(found), "--concurrency", "1", "--disable-hot-restart", "--log-level", "error", "-c"])
    if other:
        add("other", SIDECAR, [str(other), "serve", "--config"], GUARDS, METERING)
    for name, (guards, metering) in {"sidecar": (GUARDS, METERING), **{name: VARIANTS[name] for name in variants}}.items():
        add(name, SIDECAR, [str(binary), "serve", "--config"], guards, metering)
    return made
