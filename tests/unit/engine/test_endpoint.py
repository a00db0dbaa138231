"""Which engine is meant: the environment, the docker context, then the sockets that exist."""

from __future__ import annotations

import hashlib
import json
import os
import re
from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.engine.docker import endpoint
from openclaw_sandbox.engine.docker.endpoint import Endpoint, find_endpoint
from openclaw_sandbox.errors import EngineMissingError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NO_SOCKET = "/nonexistent/docker.sock"


@pytest.fixture(autouse=True)
def no_engine_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever sockets this machine has, no test finds one by accident."""
    monkeypatch.setattr(endpoint, "DEFAULT_SOCKET", NO_SOCKET)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)


def write_context(folder: Path, name: str, meta: Any) -> None:
    store = folder / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
    store.mkdir(parents=True)
    (store / "meta.json").write_text(meta if isinstance(meta, str) else json.dumps(meta))


def context_of(host: Any, **more: Any) -> dict[str, Any]:
    return {"Name": "x", "Endpoints": {"docker": {"Host": host, **more}}}


@pytest.mark.parametrize(
    ("host", "url", "socket_path"),
    [
        ("unix:///run/d.sock", "unix:///run/d.sock", "/run/d.sock"),
        ("/run/d.sock", "unix:///run/d.sock", "/run/d.sock"),
        ("  unix:///run/a b.sock ", "unix:///run/a b.sock", "/run/a b.sock"),
        ("tcp://10.0.0.7:2376", "tcp://10.0.0.7:2376", None),
        ("ssh://ann@build.example", "ssh://ann@build.example", None),
    ],
)
def test_docker_host(host: str, url: str, socket_path: str | None) -> None:
    found = find_endpoint({"DOCKER_HOST": host})
    assert (found.url, found.socket_path, found.source) == (url, socket_path, "DOCKER_HOST")


@pytest.mark.parametrize(
    "host",
    [
        *("docker.sock", "unix://", "unix:///", "unix://run/docker.sock", "tcp://", "tcp:///", "ssh://"),
        *("http://10.0.0.7", "fd://3", "npipe:////./pipe/docker_engine", "unix:///" + "x" * 120),
        *("tcp://[", "tcp://[::1", "tcp://:2375", "tcp://h:0", "tcp://h:99999", "tcp://h:x", "tcp://-oA=b:1"),
        *("ssh://user@", "ssh://-oProxyCommand=true", "ssh://h:99999"),
        *("tcp://ann:hunter2@h:1", "ssh://ann:hunter2@h", "tcp://:hunter2@h", "http://ann:hunter2@h"),
    ],
)
def test_a_bad_docker_host_is_said_by_name(host: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="DOCKER_HOST=") as caught:
        find_endpoint({"DOCKER_HOST": host})
    assert "unset DOCKER_HOST" in caught.value.hint
    write_context(tmp_path, "odd", context_of(host))
    with pytest.raises(UsageError, match="context 'odd'") as second:
        find_endpoint({"DOCKER_CONTEXT": "odd", "DOCKER_CONFIG": str(tmp_path)})
    assert "hunter2" not in f"{caught.value}{second.value}"


@pytest.mark.parametrize(
    ("env", "cert_dir", "verify"),
    [
        ({}, None, False),
        ({"DOCKER_TLS_VERIFY": "1"}, "/home/ann/.docker", True),
        ({"DOCKER_TLS_VERIFY": "1", "DOCKER_CONFIG": "/etc/d"}, "/etc/d", True),
        ({"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/certs"}, "/certs", True),
        ({"DOCKER_TLS_VERIFY": "0", "DOCKER_CERT_PATH": "/certs"}, "/certs", False),
    ],
)
def test_tls(env: dict[str, str], cert_dir: str | None, verify: bool) -> None:
    found = find_endpoint({"HOME": "/home/ann", "DOCKER_HOST": "tcp://h:1", **env})
    assert (found.cert_dir, found.verify_tls) == (cert_dir, verify)


def test_the_host_beats_the_context(tmp_path: Path) -> None:
    write_context(tmp_path, "work", context_of("unix:///context.sock"))
    env = {"DOCKER_CONTEXT": "work", "DOCKER_CONFIG": str(tmp_path)}
    assert find_endpoint(env).url == "unix:///context.sock"
    assert find_endpoint({**env, "DOCKER_HOST": "/host.sock"}).url == "unix:///host.sock"


def test_the_current_context_counts_and_the_variable_beats_it(tmp_path: Path) -> None:
    folder = tmp_path / ".docker"
    write_context(folder, "current", context_of("unix:///current.sock"))
    write_context(folder, "asked", context_of("tcp://asked:1", SkipTLSVerify=True))
    (folder / "config.json").write_text(json.dumps({"currentContext": "current"}))
    env = {"HOME": str(tmp_path)}
    found = find_endpoint(env)
    assert (found.url, found.source) == ("unix:///current.sock", "the docker context 'current'")
    assert find_endpoint({**env, "DOCKER_CONTEXT": "asked"}).url == "tcp://asked:1"


@pytest.mark.parametrize(("skip", "verify"), [(False, True), (True, False)])
def test_a_context_with_tls(tmp_path: Path, skip: bool, verify: bool) -> None:
    write_context(tmp_path, "far", context_of("tcp://far:2376", SkipTLSVerify=skip))
    tls = tmp_path / "contexts" / "tls" / hashlib.sha256(b"far").hexdigest() / "docker"
    tls.mkdir(parents=True)
    found = find_endpoint({"DOCKER_CONTEXT": "far", "DOCKER_CONFIG": str(tmp_path)})
    assert (found.cert_dir, found.verify_tls) == (str(tls), verify)


@pytest.mark.parametrize(
    "meta",
    [
        *("", "not json", "[]", "\x00", {}, {"Endpoints": 5}, {"Endpoints": {"docker": "x"}}),
        *(context_of(None), context_of(""), context_of(["unix:///x"])),
    ],
)
def test_a_context_that_names_no_engine(tmp_path: Path, meta: Any) -> None:
    write_context(tmp_path, "broken", meta)
    for name in ("broken", "absent", "\udcff", "a\0b", "../x"):
        with pytest.raises(
            UsageError, match=f"context {re.escape(repr(name))} does not exist or names no engine"
        ):
            find_endpoint({"DOCKER_CONTEXT": name, "DOCKER_CONFIG": str(tmp_path)})


@pytest.mark.parametrize(
    "config",
    ["not json", "[" * 100_000, "[]", "{}", '{"currentContext": 5}', '{"currentContext": "default"}'],
)
def test_a_config_without_a_context_changes_nothing(
    tmp_path: Path, config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text(config)
    (tmp_path / "d.sock").touch()
    monkeypatch.setattr(endpoint, "DEFAULT_SOCKET", str(tmp_path / "d.sock"))
    found = find_endpoint({"DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "default"})
    assert found == Endpoint(url=f"unix://{tmp_path}/d.sock", source="the default socket")


@pytest.mark.parametrize("put", [os.mkfifo, os.mkdir])
def test_a_config_that_is_no_file_is_not_waited_for(tmp_path: Path, put: Callable[[Path], None]) -> None:
    put(tmp_path / "config.json")
    with pytest.raises(EngineMissingError):
        find_endpoint({"DOCKER_CONFIG": str(tmp_path)})


def test_sockets_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    default = tmp_path / "docker.sock"
    monkeypatch.setattr(endpoint, "DEFAULT_SOCKET", str(default))
    env = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    order = [
        default,
        tmp_path / "run" / "docker.sock",
        tmp_path / ".docker" / "run" / "docker.sock",
        tmp_path / ".docker" / "desktop" / "docker.sock",
    ]
    for path in order:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for path in order:
        found = find_endpoint(env)
        assert found.socket_path == str(path)
        assert ("rootless" in found.source) is (path != default)
        path.unlink()
    with pytest.raises(EngineMissingError) as caught:
        find_endpoint(env)
    assert "setup --install-engine" in caught.value.hint


def test_a_folder_one_may_not_look_into_holds_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(_: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.exists", forbidden)
    with pytest.raises(EngineMissingError):
        find_endpoint({"HOME": "/home/ann"})
