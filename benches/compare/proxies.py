"""The proxies under comparison: how each is configured, started and stopped."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

START_SECONDS = 20
# Of the sidecar's configuration below.
MODEL = "fast"
TRANSLATED_MODEL = "claude"

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
            proxy_pass http://vendor;
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
    server vendor {upstream} maxconn {connections}
"""

# Everything on that a deployment would have on, with limits that nothing here reaches.
SIDECAR = """
listen: 127.0.0.1:{port}
admin: {{listen: 127.0.0.1:{admin}}}
providers:
  openai:
    type: openai
    base_url: http://{upstream}/v1
    api_key: sk-bench-fedcba9876543210
    models: [gpt-4o-mini]
    timeout: {{connect: 5s, first_token: 60s, idle: 60s, total: 10m}}
    retry: {{attempts: 3, backoff: 100ms..2s, budget: 20%}}
    {guards}
  anthropic:
    type: anthropic
    base_url: http://{upstream}
    api_key: sk-ant-bench-fedcba9876543210
    models: [claude-haiku-4-5]
    {guards}
models:
  fast: {{targets: [{{provider: openai, model: gpt-4o-mini}}]}}
  claude: {{targets: [{{provider: anthropic, model: claude-haiku-4-5}}]}}
prices:
  overrides: {{openai/gpt-4o-mini: {{input: 0.15, output: 0.60, per: 1M}}, anthropic/claude-haiku-4-5: {{input: 1.00, output: 5.00, per: 1M}}}}
"""

GUARDS = (
    "limit: {requests: {rate: 1000000/s}, tokens: {rate: 1000000000/s}, concurrency: {max: 100000}}\n"
    "    breaker: {consecutive_failures: 5, failure_ratio: 0.5, min_requests: 20, window: 30s, open: 5s..60s}"
)
# What limits and breaker cost is the difference to this, in the same run.
NO_GUARDS = "breaker: {enabled: false}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """Processes that are started inside run on that core only."""
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Server:
    """A process, or a tree of them, that answers on a port."""

    def __init__(self, name: str, port: int, command: list[str], folder: Path, core: int | None) -> None:
        self.name = name
        self.address = f"127.0.0.1:{port}"
        self.port = port
        self.command = command
        self.log = folder / f"{name}.log"
        self.core = core
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, probe: bytes) -> float:
        """Starts it; the seconds until it answered `probe` with 200."""
        with self.log.open("ab") as log, pinned(self.core):
            begin = time.perf_counter()
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        while time.perf_counter() - begin < START_SECONDS:
            if self.process.poll() is not None:
                break
            if answers(self.port, probe):
                return time.perf_counter() - begin
            time.sleep(0.0005)
        said = self.log.read_text(errors="replace")[-2000:]
        self.stop()
        raise SystemExit(f"bench: {self.name} did not start: {' '.join(self.command)}\n{said}")

    def stop(self) -> None:
        """Ends it at once: the measurements are taken, and nothing of it is kept."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def pids(self) -> list[int]:
        """The process and its children."""
        if self.process is None:
            return []
        found = [self.process.pid]
        for pid in found:
            with contextlib.suppress(OSError):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    found += [int(child) for child in (task / "children").read_text().split()]
        return found

    def cpu(self) -> tuple[float, float]:
        """Seconds of CPU time so far: of the threads that live, exact; and with those that have ended, to the tick."""
        exact, coarse = 0, 0
        for pid in self.pids():
            for task in Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(OSError):
                    exact += int((task / "schedstat").read_text().split()[0])
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            coarse += int(fields[11]) + int(fields[12])
        return exact / 1e9, coarse / os.sysconf("SC_CLK_TCK")

    def cpu_since(self, before: tuple[float, float]) -> float:
        """Seconds of CPU time since: exact, unless a thread has ended."""
        exact, coarse = (now - then for now, then in zip(self.cpu(), before))
        return coarse if coarse > exact + 4 / os.sysconf("SC_CLK_TCK") else exact

    def memory(self, field: str) -> float:
        """MiB of `VmRSS` (now) or `VmHWM` (at most so far), summed over the processes."""
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                total += sum(int(line.split()[1]) for line in lines if line.startswith(field + ":"))
        return total / 1024


def answers(port: int, request: bytes) -> bool:
    """Whether a server answers a request with 200."""
    with socket.socket() as connection:
        connection.settimeout(2)
        try:
            connection.connect(("127.0.0.1", port))
            connection.sendall(request)
            return connection.recv(4096).startswith(b"HTTP/1.1 200")
        except OSError:
            return False


def install_nginx() -> str:
    """The path of nginx, which is installed if it is not there."""
    search = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
    found = shutil.which("nginx", path=search)
    if found:
        return found
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    print("bench: installing the Debian package nginx-light", flush=True)
    environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
    try:
        subprocess.run([*sudo, "apt-get", "update", "-qq"], check=True)
        subprocess.run([*sudo, *environment, "apt-get", "install", "-qq", "-y", "--no-install-recommends", "nginx-light"], check=True)
        # The package starts a service; it is not wanted here.
        subprocess.run([*sudo, "service", "nginx", "stop"], check=False, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(f"bench: nginx is the yardstick and cannot be installed ({error}); please install nginx-light") from None
    found = shutil.which("nginx", path=search)
    if not found:
        raise SystemExit("bench: nginx is not where it was installed")
    return found


def make(binary: Path, upstream: str, folder: Path, core: int | None, unguarded: bool) -> list[Server]:
    """nginx, haproxy if it is installed, the sidecar, and (`unguarded`) one without limits and breaker."""
    made = []
    # haproxy does not start if it may not open two files for each connection that it is to take.
    connections = min(32768, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 100) // 2)

    def add(name: str, template: str, command: list[str], guards: str = "") -> None:
        port = free_port()
        user = "user root;" if os.geteuid() == 0 else ""
        config = folder / f"{name}.conf"
        given = {"port": port, "admin": free_port(), "upstream": upstream, "folder": folder, "user": user}
        config.write_text(template.format(**given, guards=guards, connections=connections))
        made.append(Server(name, port, [*command, str(config)], folder, core))

    add("nginx", NGINX, [install_nginx(), "-p", str(folder), "-e", str(folder / "nginx.error.log"), "-c"])
    haproxy = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if haproxy:
        add("haproxy", HAPROXY, [haproxy, "-db", "-f"])
    add("sidecar", SIDECAR, [str(binary), "serve", "--config"], GUARDS)
    if unguarded:
        add("unguarded", SIDECAR, [str(binary), "serve", "--config"], NO_GUARDS)
    return made
