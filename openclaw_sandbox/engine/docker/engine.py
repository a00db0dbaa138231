"""DockerEngine: engine/base.py over HTTP. Every call has a deadline."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from openclaw_sandbox.engine.base import (
    ExecOutput,
    ExecSpec,
    ExecStatus,
    Observed,
    StartedExec,
)
from openclaw_sandbox.engine.docker import failure, translate
from openclaw_sandbox.engine.docker.daemon import has_project_quota, ulimit_ceilings
from openclaw_sandbox.engine.docker.documents import parse_inspected, parse_listed
from openclaw_sandbox.engine.docker.frames import STDERR, Demultiplexer
from openclaw_sandbox.engine.docker.info import parse_image, parse_info
from openclaw_sandbox.engine.docker.networks import DockerNetworks
from openclaw_sandbox.engine.docker.stream import Capture, DockerStream
from openclaw_sandbox.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from openclaw_sandbox.engine.base import EngineInfo, ImageInfo, Sink
    from openclaw_sandbox.engine.docker.wire import Response, Transport
    from openclaw_sandbox.spec.model import ContainerSpec

_QUICK_S = 10.0  # look-ups
_SLOW_S = 60.0  # what makes the runtime work: create, start, remove
_FOREVER_S = 365 * 86400.0  # a followed log may be silent as long as its command lives
_CHUNK = 1 << 16
#: Docker's default, ctrl-p ctrl-q, would leave a command behind; nobody types this.
_NO_DETACH = "ctrl-@,ctrl-@,ctrl-@,ctrl-@"


class DockerEngine:
    """Container operations of one Docker Engine."""

    def __init__(self, transport: Transport) -> None:
        self._http = transport
        self.address = transport.address
        self.local = transport.local

    @property
    def networks(self) -> DockerNetworks:
        """See Engine.networks."""
        return DockerNetworks(self._http)

    # ---- the engine and its images

    def info(self) -> EngineInfo:
        """See Engine.info."""
        version = self._ok(
            self._http.request("GET", "/version", timeout_s=_QUICK_S), "say its version"
        ).json()
        info = self._ok(self._http.request("GET", "/info", timeout_s=_QUICK_S), "describe itself").json()
        with self._parsing("describe itself"):
            parsed = parse_info(version or {}, info or {})
        return replace(
            parsed,
            ulimit_ceilings=ulimit_ceilings(self._http.socket_path),
            layer_quota=parsed.layer_quota or (self.local and _overlay_quota(parsed)),
        )

    def image(self, reference: str) -> ImageInfo | None:
        """See Engine.image."""
        path = f"/images/{quote(reference, safe='/:@')}/json"
        response = self._http.request("GET", path, timeout_s=_QUICK_S)
        if response.status == 404:
            return None
        document = self._ok(response, f"look up the image {reference}").json()
        with self._parsing(f"look up the image {reference}"):
            return parse_image(document)

    # ---- life of a container

    def create(self, spec: ContainerSpec, *, labels: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
        """See Engine.create."""
        body = translate.create_body(spec, labels)
        path = f"/containers/create?{urlencode({'name': spec.name})}"
        response = self._http.request("POST", path, body=body, timeout_s=_SLOW_S)
        if response.status != 201:
            raise failure.create_failure(response.status, response.body, spec.image)
        answer = response.json()
        with self._parsing("make the container"):
            return str(answer["Id"]), tuple(answer.get("Warnings") or ())

    def start(self, container_id: str, *, timeout_s: float | None = None) -> None:
        """See Engine.start."""
        path, deadline = f"/containers/{container_id}/start", timeout_s or _SLOW_S
        response = self._http.request("POST", path, timeout_s=deadline)
        if response.status not in (204, 304):
            raise failure.create_failure(response.status, response.body, "")

    def inspect(self, name_or_id: str) -> Observed | None:
        """See Engine.inspect."""
        response = self._http.request("GET", f"/containers/{quote(name_or_id)}/json", timeout_s=_QUICK_S)
        if response.status == 404:
            return None
        document = self._ok(response, f"inspect {name_or_id}").json()
        with self._parsing(f"inspect {name_or_id}"):
            return parse_inspected(document)

    def list(
        self, *, labels: Sequence[str] = (), all_states: bool = True, sizes: bool = False
    ) -> list[Observed]:
        """See Engine.list."""
        query = {"all": int(all_states), "size": int(sizes), "filters": json.dumps({"label": list(labels)})}
        path = f"/containers/json?{urlencode(query)}"
        response = self._http.request("GET", path, timeout_s=_SLOW_S if sizes else _QUICK_S)
        listed = self._ok(response, "list containers").json() or ()
        with self._parsing("list containers"):
            return [parse_listed(item) for item in listed]

    def remove(self, container_id: str, *, force: bool = False) -> bool:
        """See Engine.remove."""
        query = f"?force={int(force)}&v=1"
        response = self._http.request("DELETE", f"/containers/{container_id}{query}", timeout_s=_SLOW_S)
        if response.status == 204:
            return True
        said = failure.message_of(response.body)
        if response.status == 404 or (response.status == 409 and "already in progress" in said):
            return False
        raise failure.plain_failure(response.status, response.body, "remove the container")

    def rename(self, container_id: str, name: str) -> None:
        """See Engine.rename."""
        path = f"/containers/{container_id}/rename?{urlencode({'name': name})}"
        response = self._http.request("POST", path, timeout_s=_QUICK_S)
        if response.status == 409:
            raise failure.create_failure(response.status, response.body, "")
        self._ok(response, "rename the container")

    def attach(self, container_id: str, *, stdin: bool, tty: bool) -> DockerStream:
        """See Engine.attach."""
        query = f"stream=1&stdout=1&stderr=1&stdin={int(stdin)}"
        if tty:
            query += f"&detachKeys={quote(_NO_DETACH)}"
        path = f"/containers/{container_id}/attach?{query}"
        answer, sock, leftover = self._http.hijack(path, body=None, timeout_s=_QUICK_S)
        if answer.status not in (101, 200):
            raise failure.plain_failure(answer.status, answer.body, "attach to the container")
        return DockerStream(self._http, f"/containers/{container_id}", sock, leftover, tty=tty)

    def kill(self, container_id: str, *, signal: str = "KILL") -> None:
        """See Engine.kill."""
        path = f"/containers/{container_id}/kill?{urlencode({'signal': signal})}"
        response = self._http.request("POST", path, timeout_s=_SLOW_S)
        if response.status not in (204, 404, 409):
            raise failure.plain_failure(response.status, response.body, "signal the container")

    def wait(self, container_id: str, *, timeout_s: float | None) -> int:
        """See Engine.wait."""
        deadline = _FOREVER_S if timeout_s is None else timeout_s
        response = self._http.request("POST", f"/containers/{container_id}/wait", timeout_s=deadline)
        answer = self._ok(response, "wait for the container").json()
        with self._parsing("wait for the container"):
            return int(answer["StatusCode"])

    def logs(self, container_id: str, stdout: Sink, stderr: Sink, *, follow: bool, tail: int | None) -> None:
        """See Engine.logs."""
        observed = self.inspect(container_id)
        if observed is None:
            raise EngineError(f"There is no container {container_id}.")
        config = observed.raw.get("Config")
        tty = isinstance(config, dict) and bool(config.get("Tty"))
        frames = Demultiplexer(lambda stream, piece: (stderr if stream == STDERR else stdout)(piece))
        lines = "all" if tail is None else str(tail)
        query = urlencode({"stdout": 1, "stderr": 1, "follow": int(follow), "tail": lines})
        path = f"/containers/{observed.id}/logs?{query}"
        for chunk in self._http.stream(path, timeout_s=_FOREVER_S if follow else _SLOW_S):
            if tty:
                stdout(memoryview(chunk))
            else:
                frames.feed(chunk)

    def stop(self, container_id: str, *, grace_s: float) -> None:
        """See Engine.stop."""
        path = f"/containers/{container_id}/stop?t={max(0, round(grace_s))}"
        response = self._http.request("POST", path, timeout_s=_SLOW_S + grace_s)
        if response.status not in (204, 304, 404):
            raise failure.plain_failure(response.status, response.body, "stop the container")

    def oom_seen(self, container_id: str, *, since_s: float, until_s: float) -> bool:
        """See Engine.oom_seen."""
        filters = json.dumps({"container": [container_id], "event": ["oom"], "type": ["container"]})
        query = urlencode({"since": f"{since_s:.3f}", "until": f"{until_s:.3f}", "filters": filters})
        response = self._http.request("GET", f"/events?{query}", timeout_s=_QUICK_S)
        return bool(self._ok(response, "tell its events").body.strip())

    # ---- commands in it

    def exec_start(self, container_id: str, spec: ExecSpec) -> StartedExec:
        """See Engine.exec_start."""
        body = {
            "AttachStdin": spec.stdin,
            "AttachStdout": True,
            "AttachStderr": True,
            "Tty": spec.tty,
            "Cmd": list(spec.argv),
            "Env": [f"{name}={value}" for name, value in spec.env.items()],
            **({"WorkingDir": spec.workdir} if spec.workdir else {}),
            **({"User": spec.user} if spec.user else {}),
            **({"DetachKeys": _NO_DETACH} if spec.tty else {}),
        }
        made = self._http.request("POST", f"/containers/{container_id}/exec", body=body, timeout_s=_QUICK_S)
        if not 200 <= made.status < 300:
            raise failure.exec_failure(made.status, made.body)
        answer = made.json()
        with self._parsing("start a command"):
            exec_id = str(answer["Id"])
        started, sock, leftover = self._http.hijack(
            f"/exec/{exec_id}/start", body={"Detach": False, "Tty": spec.tty}, timeout_s=_SLOW_S
        )
        if started.status not in (101, 200):
            raise failure.exec_failure(started.status, started.body)
        stream = DockerStream(self._http, f"/exec/{exec_id}", sock, leftover, tty=spec.tty)
        return StartedExec(exec_id=exec_id, stream=stream)

    def exec_status(self, exec_id: str) -> ExecStatus:
        """See Engine.exec_status."""
        response = self._http.request("GET", f"/exec/{exec_id}/json", timeout_s=_QUICK_S)
        answer = self._ok(response, "look up the command").json()
        with self._parsing("look up the command"):
            code, running = answer.get("ExitCode"), answer["Running"]
            if not isinstance(running, bool):  # else a command that nobody knows would be waited for
                raise TypeError(f"Running is {running!r}")
            return ExecStatus(
                running=running,
                exit_code=None if code is None else int(code),
                pid=int(answer.get("Pid") or 0),
            )

    def exec_capture(
        self, container_id: str, spec: ExecSpec, *, timeout_s: float, limit_bytes: int = 1 << 20
    ) -> ExecOutput:
        """See Engine.exec_capture."""
        deadline = time.monotonic() + timeout_s
        started = self.exec_start(container_id, spec)
        stream = started.stream
        captured = Capture(limit_bytes, lambda: stream.set_deadline(max(deadline - time.monotonic(), 0.001)))
        try:
            stream.set_deadline(timeout_s)
            if spec.stdin:
                stream.close_stdin()
            stream.pump(captured.stdout, captured.stderr)
            status = self.exec_status(started.exec_id)
            while status.running and time.monotonic() < deadline:
                time.sleep(0.005)
                status = self.exec_status(started.exec_id)
        finally:
            stream.close()
        return ExecOutput(
            exit_code=-1 if status.exit_code is None else status.exit_code,
            stdout=bytes(captured.out),
            stderr=bytes(captured.err),
            truncated=captured.truncated,
        )

    def _parsing(self, doing: str) -> AbstractContextManager[None]:
        return failure.parsing(self.address, doing)

    def _ok(self, response: Response, doing: str) -> Response:
        if not 200 <= response.status < 300:
            raise failure.plain_failure(response.status, response.body, doing)
        return response


def _overlay_quota(info: EngineInfo) -> bool:
    return info.storage_driver == "overlay2" and has_project_quota(info.root_dir)
