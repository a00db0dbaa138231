"""Which engine? The same order as Docker's own CLI, then the sockets a rootless or desktop engine makes."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import EngineMissingError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEFAULT_SOCKET = "/var/run/docker.sock"
_MAX_SOCKET_PATH = 107  # sun_path, less its NUL
_PASSWORD = re.compile(r"://[^/@]*:[^/]*@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """`url` is `unix:///path`, `tcp://host:port` or `ssh://...`; `source` says who chose it."""

    url: str
    source: str
    cert_dir: str | None = None  # ca.pem, cert.pem and key.pem, for tcp with TLS
    verify_tls: bool = False

    @property
    def socket_path(self) -> str | None:
        """The unix socket's path, None for a remote engine."""
        return self.url.removeprefix("unix://") if self.url.startswith("unix://") else None


def find_endpoint(env: Mapping[str, str]) -> Endpoint:
    """The engine to talk to: DOCKER_HOST, the docker context, then the first socket that exists.

    Raises:
        UsageError: DOCKER_HOST or the context cannot be used as it stands.
        EngineMissingError: nothing names an engine and no socket exists.
    """
    if host := env.get("DOCKER_HOST", "").strip():
        return _from_host(host, env)
    if context := _context_name(env):
        return _from_context(context, env)
    for path in _socket_candidates(env):
        if _exists(path):
            source = "the default socket" if path == DEFAULT_SOCKET else "the socket of a rootless engine"
            return Endpoint(url=f"unix://{path}", source=source)
    raise EngineMissingError(
        f"No Docker Engine was found: {DEFAULT_SOCKET} does not exist, nor does a rootless engine's socket.",
        hint="Install and start one: openclaw-sandbox setup --install-engine",
    )


def _from_host(host: str, env: Mapping[str, str]) -> Endpoint:
    if host.startswith("/"):
        host = f"unix://{host}"
    if problem := _problem(host):
        raise UsageError(
            f"DOCKER_HOST={_shown(host)!r} {problem}.",
            hint="Use unix:///path/to/docker.sock, tcp://host:port or ssh://user@host, or unset DOCKER_HOST.",
        )
    verify = env.get("DOCKER_TLS_VERIFY", "") not in ("", "0", "false")
    cert_dir = env.get("DOCKER_CERT_PATH") or (str(_docker_dir(env)) if verify else None)
    return Endpoint(url=host, source="DOCKER_HOST", cert_dir=cert_dir, verify_tls=verify)


def _problem(url: str) -> str:
    """Why this cannot be the address of an engine; empty if it can."""
    if not re.match(r"(unix:///.|tcp://[^/-]|ssh://[^/-])", url) or not _has_host(url):
        return "is not the address of an engine"
    if _PASSWORD.search(url):
        return "holds a password, which no engine takes there"
    path = url.removeprefix("unix://") if url.startswith("unix://") else ""
    if len(os.fsencode(path)) > _MAX_SOCKET_PATH:
        return f"is longer than the {_MAX_SOCKET_PATH} bytes that a socket's path may have"
    return ""


def _shown(url: str) -> str:
    return _PASSWORD.sub("://***@", url)


def _has_host(url: str) -> bool:
    """Whether a URL of a network names a host, and a port that exists if it names one."""
    from urllib.parse import urlsplit

    if url.startswith("unix://"):
        return True
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:
        return False  # in a folder that this user may not even look into


def _docker_dir(env: Mapping[str, str]) -> Path:
    return Path(env.get("DOCKER_CONFIG") or Path(env.get("HOME", "/"), ".docker"))


def _context_name(env: Mapping[str, str]) -> str:
    name = env.get("DOCKER_CONTEXT", "").strip()
    if not name:
        config = _read_json(_docker_dir(env) / "config.json")
        current = config.get("currentContext", "")
        name = current if isinstance(current, str) else ""
    return "" if name == "default" else name


def _from_context(name: str, env: Mapping[str, str]) -> Endpoint:
    store = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    folder = _docker_dir(env) / "contexts"
    endpoints = _read_json(folder / "meta" / store / "meta.json").get("Endpoints")
    docker = endpoints.get("docker") if isinstance(endpoints, dict) else None
    host = docker.get("Host") if isinstance(docker, dict) else None
    if not isinstance(host, str) or not host:
        raise UsageError(
            f"The docker context {name!r} does not exist or names no engine.",
            hint="List them with `docker context ls`; choose one with `docker context use NAME`.",
        )
    if problem := _problem(host):
        raise UsageError(
            f"The docker context {name!r} names {_shown(host)!r}, which {problem}.",
            hint="Choose another one: docker context use default",
        )
    tls = folder / "tls" / store / "docker"
    skip = bool(docker.get("SkipTLSVerify")) if isinstance(docker, dict) else False
    has_tls = tls.is_dir()
    return Endpoint(
        url=host,
        source=f"the docker context {name!r}",
        cert_dir=str(tls) if has_tls else None,
        verify_tls=has_tls and not skip,
    )


def _read_json(path: Path) -> dict[str, Any]:
    """A small JSON object; what is absent or broken reads as empty, as Docker's CLI treats its own config."""
    try:
        if not path.is_file():  # reading a named pipe would wait
            return {}
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _socket_candidates(env: Mapping[str, str]) -> Iterator[str]:
    yield DEFAULT_SOCKET
    if runtime := env.get("XDG_RUNTIME_DIR"):
        yield f"{runtime}/docker.sock"
    yield f"/run/user/{os.getuid()}/docker.sock"
    if home := env.get("HOME"):
        yield f"{home}/.docker/run/docker.sock"
        yield f"{home}/.docker/desktop/docker.sock"
