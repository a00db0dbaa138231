"""The verbs and package managers, as their users start them, with a way out on a real engine."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from filelock import FileLock

from openclaw_sandbox.image.host import this_machine
from tests.integration.egress.world import WEB_PORT
from tests.integration.sandbox import eventually

if TYPE_CHECKING:
    from docker import APIClient

    from tests.integration.egress.conftest import Box

pytestmark = pytest.mark.engine

_SYSTEM_CA = "/etc/ssl/certs/ca-certificates.crt"


def write_hosts(box: Box, *entries: str) -> Path:
    """config.yml with these allowed hosts; openclaw.json with the world's name server."""
    box.sandbox.configure(docker={"dns": [box.world.address]})
    path = box.sandbox.tool.state / "config.yml"
    lines = ["sandbox:", "  network_policy: deny-by-default", "  # reviewed in May"]
    lines += ["  allowed_hosts:"] if entries else []
    path.write_text("\n".join([*lines, *(f"    - '{entry}'" for entry in entries)]) + "\n")
    return path


def test_from_allow_to_the_log(box: Box) -> None:
    tool, page = box.sandbox.tool, f"http://{box.world.place}/"
    path = write_hosts(box, f"{box.world.address}:{WEB_PORT}")
    done = box.sandbox.run("curl", "-sS", page)
    assert "is denied: no rule allows it" in done.text
    done = tool("egress", "test", box.world.place)
    assert (done.status, done.text.splitlines()[0]) == (1, f"deny {box.world.place}: no rule allows it")

    done = tool("egress", "allow", box.world.place, "--agent", "main")
    assert done.status == 0, done.said
    assert f"+        - '{box.world.place}'" in done.text
    assert "  # reviewed in May\n" in path.read_text()
    done = box.sandbox.run("curl", "-sS", page)
    assert done.text.startswith("world"), done.said
    assert "is allowed already" in tool("egress", "allow", box.world.place, "--agent", "main").said

    done = tool("egress", "log", "--json")
    records = json.loads(done.text)["records"]
    assert [record["verdict"] for record in records] == ["deny", "allow"]
    assert re.match(r".*config\.yml:\d+ ", records[1]["rule"].partition("(")[2])
    assert records[1]["bytesDown"] > 0
    done = tool("egress", "log", "--denied")
    assert len(done.text.splitlines()) == 1
    assert "good.test" in done.text


def test_a_command_of_its_own_leaves_no_helper(box: Box) -> None:
    write_hosts(box, box.world.place, f"{box.world.address}:{WEB_PORT}")
    done = box.sandbox.run("curl", "-sS", f"http://{box.world.place}/", flags=["--rm"])
    assert done.text.startswith("world"), done.said
    assert box.forwarders() == []
    assert [name for name in box.sandbox.containers() if "-run-" in name] == []


def test_verify_finds_only_the_way_out_that_is_promised(box: Box) -> None:
    """Made for it, with a way out of its own that goes again; then the one that runs."""
    write_hosts(box, box.world.place, f"{box.world.address}:{WEB_PORT}")
    box.sandbox.configure(mode="all", docker={"dns": [box.world.address]})
    for made in (True, False):
        done = box.sandbox.tool("verify", "--quick", "--json", timeout_s=120)
        summary = done.document["summary"]
        assert (done.status, summary["failed"], done.document["made"]) == (0, [], made), done.said
        assert (box.forwarders() == []) is made
        assert box.sandbox.run("true").status == 0


def test_a_setup_command_has_the_way_out(box: Box) -> None:
    write_hosts(box, box.world.place, f"{box.world.address}:{WEB_PORT}")
    command = f"curl -fsS http://{box.world.place}/ > /workspace/setup.txt"
    box.sandbox.configure(docker={"dns": [box.world.address], "setupCommand": command})
    done = box.sandbox.run("cat", "/workspace/setup.txt")
    assert done.text.startswith("world"), done.said
    records = json.loads(box.sandbox.tool("egress", "log", "--json").text)["records"]
    assert {record["sandbox"] for record in records} == {box.sandbox.name}, "not its name while it is set up"


def detached(box: Box, script: str) -> str:
    """A detached command with a way out to the world; its name."""
    write_hosts(box, box.world.place, f"{box.world.address}:{WEB_PORT}")
    done = box.sandbox.run("sh", "-c", script, flags=["--detach"])
    assert done.status == 0, done.said
    return done.text.strip()


def test_a_detached_command_has_its_way_out_from_its_first_moment(box: Box) -> None:
    tool = box.sandbox.tool
    name = detached(box, f"curl -fsS http://{box.world.place}/; readlink /proc/self/fd/0; exit 7")
    eventually(lambda: not box.sandbox.api.inspect_container(name)["State"]["Running"])
    logs = tool("logs", name)
    assert logs.text.startswith("world")
    assert logs.text.endswith("/dev/null\n")
    assert tool("attach", name).status == 7
    records = json.loads(tool("egress", "log", "--json").text)["records"]
    assert {record["sandbox"] for record in records} == {name}
    assert tool("prune").status == 0
    assert box.forwarders() == []
    assert box.sandbox.containers().count(name) == 1, "its log may be wanted"


def test_a_detached_command_gets_each_variable_as_it_was_given(box: Box) -> None:
    """Also those that the shell uses which waits for the way out."""
    write_hosts(box, box.world.place)
    given = [f"--env={name}=mine" for name in ("word", "IFS_", "REPLY")]
    done = box.sandbox.run("sh", "-c", 'echo "$word $IFS_ $REPLY"', flags=["--detach", *given])
    assert done.status == 0, done.said
    name = done.text.strip()
    eventually(lambda: not box.sandbox.api.inspect_container(name)["State"]["Running"])
    logs = box.sandbox.tool("logs", name)
    assert logs.text == "mine mine mine\n"


def test_a_detached_command_is_its_containers_main_process(box: Box) -> None:
    name = detached(box, "trap 'echo asked; exit 3' TERM; echo up; while :; do sleep 0.1; done")
    eventually(lambda: box.sandbox.tool("logs", name).text == "up\n")
    assert len(box.forwarders()) == 1
    assert box.sandbox.tool("prune").status == 0
    assert len(box.forwarders()) == 1, "it still runs"
    assert box.sandbox.tool("stop", name).status == 0
    assert box.sandbox.tool("logs", name).text == "up\nasked\n"
    assert box.sandbox.api.inspect_container(name)["State"]["ExitCode"] == 3
    assert box.forwarders() == []


def test_a_detached_command_whose_maker_is_killed_never_starts(box: Box) -> None:
    """Killed while the way out is opened: the gateway's lock is held against it."""
    write_hosts(box, box.world.place)
    assert box.sandbox.run("true").status == 0
    (lock,) = (box.sandbox.tool.state / "sandbox" / "egress").glob("*/lock")
    with FileLock(lock):
        maker = box.sandbox.start("sh", "-c", "echo started; sleep 600", flags=["--detach"])
        eventually(lambda: [name for name in box.sandbox.containers() if "-job-" in name])
        (name,) = (name for name in box.sandbox.containers() if "-job-" in name)
        eventually(lambda: box.sandbox.api.inspect_container(name)["State"]["Running"])
        maker.kill()
        maker.communicate()
        eventually(lambda: not box.sandbox.api.inspect_container(name)["State"]["Running"])
    assert b"started" not in box.sandbox.api.logs(name)
    assert box.sandbox.tool("prune").status == 0
    assert [name for name in box.sandbox.containers() if "-job-" in name] == []


def test_a_detached_command_without_a_way_out_is_none(box: Box) -> None:
    write_hosts(box, box.world.place)
    box.sandbox.tool.state.joinpath("sandbox").mkdir(exist_ok=True)
    box.sandbox.tool.state.joinpath("sandbox", "egress").write_text("no folder")
    done = box.sandbox.run("true", flags=["--detach"])
    assert done.status == 125
    assert "cannot be written" in done.said
    assert box.sandbox.containers() == []


def test_learning(box: Box) -> None:
    write_hosts(box)
    script = (
        "curl -s http://meta.test/; curl -s http://169.254.169.254/; curl -s http://nowhere.test/; exit 5"
    )
    done = box.sandbox.tool("egress", "learn", "--json", "--", "sh", "-c", script)
    assert done.status == 5, done.said
    hosts = {item["entry"]: item for item in json.loads(done.text)["hosts"]}
    assert set(hosts) == {"meta.test", "169.254.169.254", "nowhere.test"}
    assert "169.254.169.254" in hosts["meta.test"]["never"]
    assert hosts["169.254.169.254"]["never"] == "cloud metadata"
    assert hosts["nowhere.test"]["problem"]
    assert box.gateways() == []


def test_following_the_log(box: Box) -> None:
    write_hosts(box, "nobody.test")
    assert box.sandbox.run("true").status == 0
    following = box.sandbox.tool.start("egress", "log", "--follow", "--json")
    assert following.stdout is not None
    try:
        eventually(lambda: Path(f"/proc/{following.pid}/fd").exists() and _reads_log(following.pid))
        box.sandbox.run("curl", "-s", "http://other.test/")
        record = json.loads(following.stdout.readline())
    finally:
        following.terminate()
        following.communicate(timeout=10)
    assert (record["host"], record["verdict"]) == ("other.test", "deny")


def _reads_log(pid: int) -> bool:
    return any(
        "decisions.jsonl" in str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()
    )


# ---- package managers: the machine's own mirrors, by the names that it has for them


def test_apt_as_a_user(box: Box, api: APIClient) -> None:
    labels = api.inspect_image(box.sandbox.image)["Config"]["Labels"]
    suite = labels["openclaw-sandbox.suite"]
    source = next(
        (source, uri)
        for source in this_machine().sources
        for uri in source.uris
        if any(name.split("-")[0] == suite for name in source.suites) and "main" in source.components
    )
    uri = source[1]
    policy = box.policy(urlsplit(uri).netloc, real_names=True)
    ready = box.up(policy)
    (box.sandbox.workspace).mkdir(parents=True, exist_ok=True)
    options = {
        "Dir::State": "/workspace/apt/state",
        "Dir::Cache": "/workspace/apt/cache",
        "Dir::Etc::SourceList": "/workspace/apt/sources.list",
        "Dir::Etc::SourceParts": "-",
        "Acquire::Languages": "none",
    }
    line = f"deb {uri} {suite} main"
    script = (
        "mkdir -p /workspace/apt/state/lists/partial /workspace/apt/cache/archives/partial && "
        f"echo '{line}' > /workspace/apt/sources.list && exec apt-get "
        + " ".join(f"-o {key}={value}" for key, value in options.items())
        + " update"
    )
    done = box.sh(policy, ready, "sh", "-c", script, timeout_s=120)
    assert done.exit_code == 0, done.stdout + done.stderr
    found = [r for r in box.records(policy) if r.verdict == "allow"]
    assert sum(record.bytes_down or 0 for record in found) > 1_000_000


def test_pip_download(box: Box) -> None:
    """pip itself comes from the interpreter that runs the tests; the index is whatever it has as default."""
    from pip._internal.models.index import PyPI

    spec = importlib.util.find_spec("pip")
    assert spec is not None
    assert spec.origin is not None
    policy = box.policy(PyPI.netloc, PyPI.file_storage_domain, real_names=True)
    ready = box.up(policy)
    workspace = _workspace(box, ready.name)
    shutil.copytree(
        Path(spec.origin).parent, workspace / "lib" / "pip", ignore=shutil.ignore_patterns("__pycache__")
    )
    named = (os.environ.get(name, "") for name in ("PIP_CERT", "SSL_CERT_FILE"))
    ca = next((file for file in (*named, _SYSTEM_CA) if Path(file).is_file()), "")
    extra = []
    if ca:  # a host behind a proxy that opens TLS has a certificate of its own
        shutil.copy(ca, workspace / "ca.pem")
        extra = ["--cert", "/workspace/ca.pem"]
    done = box.sh(
        policy,
        ready,
        *("env", "PYTHONPATH=/workspace/lib", "python3", "-m", "pip", "download", "-q", "--no-deps", *extra),
        *("--disable-pip-version-check", "--no-cache-dir", "-d", "/workspace/out", "h11"),
        timeout_s=120,
    )
    assert done.exit_code == 0, done.stdout + done.stderr
    assert list((workspace / "out").glob("h11-*"))
    assert {record.host for record in box.records(policy)} <= {PyPI.netloc, PyPI.file_storage_domain}


def _workspace(box: Box, name: str) -> Path:
    """The folder on the host that /workspace of this container shows."""
    observed = box.engine.inspect(name)
    assert observed is not None
    return Path(next(m.source for m in observed.mounts if m.destination == "/workspace"))
