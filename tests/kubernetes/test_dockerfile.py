"""The Dockerfile, without a daemon to build it with: what it copies is there, and its steps are those of `make image`, which are tried."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
from chart import CHART, PROJECT, VALUES, containers, manifests, pod_specs, render

CARGO = tomllib.loads((PROJECT / "Cargo.toml").read_text())
Instruction = tuple[str, str]


def instructions() -> Iterator[Instruction]:
    text = (PROJECT / "Dockerfile").read_text()
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#")).replace("\\\n", " ")
    for line in filter(None, lines.splitlines()):
        name, _, rest = line.partition(" ")
        yield name, rest.strip()


def stages() -> list[list[Instruction]]:
    found: list[list[Instruction]] = []
    for instruction in instructions():
        if instruction[0] == "FROM":
            found.append([])
        found[-1].append(instruction)
    return found


def value(stage: list[Instruction], wanted: str) -> str:
    (found,) = [rest for name, rest in stage if name == wanted]
    return found


BUILD, FINAL = stages()


def ignores(path: str) -> bool:
    """Whether .dockerignore keeps a file out, as far as the patterns that are in it go."""
    parts = Path(path).parts
    for pattern in (PROJECT / ".dockerignore").read_text().split():
        assert not pattern.startswith("!"), "this test does not know exceptions"
        if pattern.startswith("**/"):
            if any(fnmatch(part, pattern.removeprefix("**/")) for part in parts):
                return True
        elif fnmatch(parts[0], pattern):
            return True
    return False


def compiled() -> set[str]:
    """What cargo needs, or the compiler: the project's files that something under src, or a target of Cargo.toml, names."""
    listed = subprocess.run(["git", "ls-files", "src", "build.rs", "benches", "docs", "Cargo.toml", "Cargo.lock"], cwd=PROJECT, check=True,
                            capture_output=True, text=True).stdout.split()
    described = subprocess.run(["cargo", "metadata", "--offline", "--no-deps", "--format-version=1"], cwd=PROJECT, check=True,
                               capture_output=True, text=True).stdout
    (package,) = json.loads(described)["packages"]
    return {*listed, *(str(Path(target["src_path"]).relative_to(PROJECT)) for target in package["targets"])}


def test_everything_that_is_compiled_is_copied() -> None:
    copies = [shlex.split(rest) for name, rest in BUILD if name == "COPY"]
    assert copies == [[".", "."]]
    needed = compiled()
    assert len(needed) > 300 and {"src/main.rs", "build.rs", "benches/codec.rs", "benches/compare/load.rs"} <= needed
    for path in needed:
        assert (PROJECT / path).exists() and not ignores(path), path
    # What is large, or not of the project.
    for path in (".git/HEAD", "target/debug/llm-sidecar", ".tools/bin/helm", "tests/loom/target/x", "tests/sdk/node/node_modules/x/y"):
        assert ignores(path), path


def test_the_compiler_is_the_one_the_project_is_made_for() -> None:
    assert value(BUILD, "FROM") == f"rust:{CARGO['package']['rust-version']}-bookworm AS build"


def cargo_build(words: list[str]) -> set[str]:
    """The options of the one `cargo build` in a line of shell."""
    start = words.index("cargo")
    assert words[start + 1] == "build"
    options = words[start + 2:words.index("&&", start) if "&&" in words[start:] else None]
    text = " ".join(options).replace("--profile release", "--release")
    target = text.split("--target ")[1].split()[0]
    return set(text.replace(f"--target {target}", "--target").split())


def test_it_builds_as_make_image_does() -> None:
    clean = {key: text for key, text in os.environ.items() if not key.startswith(("MAKE", "CARGO", "MFLAGS"))}
    dry = subprocess.run(["make", "--dry-run", "image"], cwd=PROJECT, check=True, capture_output=True, text=True, env=clean).stdout
    (line,) = [line for line in dry.splitlines() if "cargo build" in line]
    flags, *command = shlex.split(line)
    assert shlex.split(value(BUILD, "ENV")) == [flags]
    assert cargo_build(shlex.split(value(BUILD, "RUN"))) == cargo_build(command) == {"--locked", "--release", "--target"}


def test_the_image_holds_what_was_built() -> None:
    built = shlex.split(value(BUILD, "RUN"))
    copies = [shlex.split(rest) for name, rest in FINAL if name == "COPY"]
    assert copies == [["--from=build", built[-1], "/llm-sidecar"]]
    assert built[-4:-1] == ["install", "-D", "target/$target/release/llm-sidecar"]
    assert value(FINAL, "FROM") == "scratch"
    assert json.loads(value(FINAL, "ENTRYPOINT")) == [copies[0][-1]]


@pytest.mark.parametrize("values", [None, *VALUES], ids=lambda values: values.name if values else "default")
def test_the_chart_runs_it_as_it_says(values: Path | None) -> None:
    user, group = map(int, value(FINAL, "USER").split(":"))
    exposed = set(map(int, value(FINAL, "EXPOSE").split()))
    for pod in (pod for manifest in manifests(render(values)) for pod in pod_specs(manifest)):
        security = pod["spec"]["securityContext"]
        assert user > 0 and (security["runAsUser"], security["runAsGroup"]) == (user, group)
        for container in containers(pod):
            assert "command" not in container, "the entry point is the image's"
            assert {port["containerPort"] for port in container.get("ports", [])} <= exposed


def test_its_command_is_known(binary: Path) -> None:
    command, *arguments = json.loads(value(FINAL, "CMD"))
    helped = subprocess.run([binary, command, "--help"], check=True, capture_output=True, text=True).stdout
    assert arguments and all(argument.split("=")[0] in helped for argument in arguments)
    assert (CHART / "templates/gateway/deployment.yaml").read_text().count(arguments[0]) == 1
