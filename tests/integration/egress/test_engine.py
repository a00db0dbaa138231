"""A sandbox with allowed hosts on a real engine: what passes, what does not, and that it stays so."""

from __future__ import annotations

import json
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.egress import service
from openclaw_sandbox.errors import EgressError, ImageMissingError, SandboxGoneError
from openclaw_sandbox.spec.build import state_hash
from tests.integration.egress.world import SLOW_BYTES, WAYS_OUT, WEB_PORT
from tests.integration.sandbox import eventually

if TYPE_CHECKING:
    from docker import APIClient

    from openclaw_sandbox.engine.base import ImageInfo
    from openclaw_sandbox.engine.docker.engine import DockerEngine
    from openclaw_sandbox.lifecycle.ensure import Ready
    from openclaw_sandbox.policy.model import EffectivePolicy
    from tests.integration.egress.conftest import Box

    Open = tuple[Box, EffectivePolicy, Ready]

pytestmark = pytest.mark.engine

CURL = ("curl", "-sS", "-m", "10")
#: How many sandboxes with a way out run at once; a soak asks for 60.
MANY = int(os.environ.get("OPENCLAW_SANDBOX_EGRESS_MANY", "4"))


def page(box: Box) -> str:
    return f"http://{box.world.place}/"


def test_an_allowed_host_answers(open_box: Open) -> None:
    box, policy, ready = open_box
    done = box.sh(policy, ready, *CURL, page(box))
    assert done.stdout == f"world {box.world.place}".encode(), done.stderr
    done = box.sh(policy, ready, *CURL, "-p", page(box))  # the same by CONNECT
    assert done.stdout.startswith(b"world"), done.stderr
    done = box.sh(policy, ready, *CURL, "-x", "socks5h://127.0.0.1:3128", page(box))
    assert done.stdout.startswith(b"world"), done.stderr
    allowed = [record for record in box.records(policy) if record.host == "good.test"]
    assert {record.via for record in allowed} == {"http", "connect", "socks5"}
    assert all(record.verdict == "allow" and record.sandbox == ready.name for record in allowed)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"http://other.test:{WEB_PORT}/", "no rule"),
        ("https://other.test/", "no rule"),
        ("http://inside.test/", "127.0.0.1 (loopback)"),
        ("http://meta.test/", "169.254.169.254 (cloud metadata)"),
        ("http://169.254.169.254/latest/meta-data/", "no rule"),
        ("http://[fd00:ec2::254]/", "no rule"),
        ("https://[2001:db8::1]/", "no rule"),
        ("http://good.test:22/", "port 22"),
        ("https://good.test:22/", "port 22"),
        ("http://127.0.0.2/", "no rule"),
        ("http://HOST/", "no rule"),
        ("http://WORLD/", "port 80"),
    ],
)
def test_what_reaches_the_gateway_and_is_denied(url: str, reason: str, open_box: Open) -> None:
    """Each fails fast and leaves one record."""
    box, policy, ready = open_box
    url = url.replace("HOST", box.world.host_address).replace("WORLD", box.world.address)
    before = {record.id for record in box.records(policy)}
    started = time.monotonic()
    done = box.sh(policy, ready, *CURL, "-f", url)
    assert time.monotonic() - started < 5
    assert done.exit_code != 0
    new = [record for record in box.records(policy) if record.id not in before]
    assert [record.verdict for record in new] == ["deny"]
    assert reason in new[0].reason.replace("an address that no rule lists", "no rule")


def test_a_name_that_changes_leads_nowhere_else(open_box: Open) -> None:
    """The server answers with an allowed address and with the loopback in turn; one look-up counts."""
    box, policy, ready = open_box
    answers = [box.sh(policy, ready, *CURL, f"http://flip.test:{WEB_PORT}/").stdout for _ in range(4)]
    assert any(answer.startswith(b"world") for answer in answers)
    assert any(b"127.0.0.1 (loopback)" in answer for answer in answers)


def test_there_is_no_other_way_out(open_box: Open, api: APIClient) -> None:
    """What the missing network stops fails at once and leaves no record."""
    box, policy, ready = open_box
    gateway = api.inspect_container(box.gateways()[0])
    others = [found["IPAddress"] for found in gateway["NetworkSettings"]["Networks"].values()]
    ways: list[tuple[str, str, int]] = [
        *(
            ("tcp", host, port)
            for host in ("192.0.2.1", "169.254.169.254", "2001:db8::1")
            for port in (53, 443)
        ),
        *(
            ("tcp", host, port)
            for host in (box.world.address, box.world.host_address)
            for port in (22, WEB_PORT)
        ),
        *(("tcp", host, 3128) for host in others),
        *(("udp", host, 53) for host in (box.world.address, "192.0.2.53", "127.0.0.11", "2001:db8::53")),
        *(("tcp", "127.0.0.11", 53), ("tcp", "127.0.0.1", 22), ("tcp", "fd00:ec2::254", 80)),
        *(("name", "good.test", 80), ("name", "other.test", 80), ("raw", box.world.address, 0)),
    ]
    before = len(box.records(policy))
    done = box.sh(policy, ready, "python3", "-c", WAYS_OUT, json.dumps(ways))
    answer = json.loads(done.stdout)
    assert answer["links"] == ["lo"]
    opened = {
        way: result
        for way, result in answer["ways"].items()
        if "Error" not in result and result != "gaierror"
    }
    assert opened == {}
    assert len(answer["ways"]) == len(ways)
    assert box.sh(policy, ready, *CURL, "--noproxy", "*", page(box)).exit_code != 0
    assert len(box.records(policy)) == before


def test_the_helpers_are_out_of_sight_and_reach(box: Box, api: APIClient) -> None:
    policy = box.policy()
    ready = box.up(policy)
    look = "cat /proc/[0-9]*/cmdline | tr '\\0' ' '; ls /run/openclaw-egress /opt/openclaw-egress 2>&1"
    said = box.sh(policy, ready, "sh", "-c", look).stdout
    assert b"forwarder" not in said
    assert b"gateway" not in said
    box.sh(policy, ready, "sh", "-c", "kill -9 -1")  # ends the sandbox itself, and nothing else
    [forwarder], [gateway] = box.forwarders(), box.gateways()
    assert api.inspect_container(forwarder)["State"]["Running"]
    assert api.inspect_container(gateway)["State"]["Running"]
    again = box.up(policy)
    assert box.sh(policy, again, *CURL, page(box)).stdout.startswith(b"world")


def test_the_containers_are_hardened(open_box: Open, api: APIClient) -> None:
    box, _, ready = open_box
    inspected = api.inspect_container(ready.container_id)
    assert inspected["HostConfig"]["NetworkMode"] == "none"
    assert not any("egress" in mount["Destination"] for mount in inspected["Mounts"])
    assert "HTTPS_PROXY=http://127.0.0.1:3128" in inspected["Config"]["Env"]
    [gateway], [forwarder] = box.gateways(), box.forwarders()
    for name in (gateway, forwarder):
        found: dict[str, Any] = api.inspect_container(name)
        host = found["HostConfig"]
        assert found["Config"]["User"] == "65534:65534"
        assert host["ReadonlyRootfs"] is True
        assert host["CapDrop"] == ["ALL"]
        assert "no-new-privileges" in host["SecurityOpt"]
        assert (host["Memory"], host["PidsLimit"]) == (256 << 20, 64)
        assert host["RestartPolicy"]["Name"] == "unless-stopped"
        assert not any(key.startswith("openclaw.") for key in found["Config"]["Labels"])
        assert host["NetworkMode"] in ("openclaw-sandbox-egress", f"container:{ready.container_id}")
    mounts = {m["Destination"]: m["RW"] for m in api.inspect_container(forwarder)["Mounts"]}
    assert mounts == {"/run/openclaw-egress": False}


def test_a_warm_start_makes_nothing(open_box: Open) -> None:
    box, policy, ready = open_box
    helpers = box.gateways() + box.forwarders()
    again = box.up(policy)
    assert again.container_id == ready.container_id
    assert box.gateways() + box.forwarders() == helpers
    assert len(helpers) == 2


def test_a_new_rule_counts_without_a_new_container(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = box.policy("nobody.test")
    ready = box.up(policy)
    assert b"denied" in box.sh(policy, ready, *CURL, page(box)).stdout
    policy = box.policy()
    again = box.up(policy)
    assert again.container_id == ready.container_id
    assert box.sh(policy, again, *CURL, page(box)).stdout.startswith(b"world")
    assert len(box.forwarders()) == 1
    assert len(box.gateways()) == 2
    state = state_hash(str(policy.state_dir))
    assert service.remove_unused(box.engine, state) == []  # it may still get its first forwarder
    monkeypatch.setattr(service, "_GRACE_S", 0.0)
    gone = service.remove_unused(box.engine, state)
    assert len(gone) == 1
    assert box.sh(policy, again, *CURL, page(box)).stdout.startswith(b"world")


def test_a_restarted_sandbox_gets_its_way_out_back(box: Box) -> None:
    policy = box.policy()
    ready = box.up(policy)
    box.engine.stop(ready.container_id, grace_s=0)
    again = box.up(policy)
    assert again.container_id == ready.container_id
    assert box.sh(policy, again, *CURL, page(box)).stdout.startswith(b"world")


def kill_hard(api: APIClient, image: str, name: str) -> None:
    """As a crash would: not through the engine, which takes its own kill for somebody's wish."""
    pid = api.inspect_container(name)["State"]["Pid"]
    config = api.create_host_config(pid_mode="host")
    made = api.create_container(
        image, ["python3", "-c", f"import os; os.kill({pid}, 9)"], user="65534:65534", host_config=config
    )
    api.start(made["Id"])
    api.wait(made["Id"])
    api.remove_container(made["Id"], force=True)


def test_the_gateway_dies_in_the_middle_of_a_download(box: Box, api: APIClient, helpers_image: str) -> None:
    policy = box.policy()
    ready = box.up(policy)
    [gateway] = box.gateways()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(
            box.sh, policy, ready, "curl", "-sS", "-m", "60", "-o", "/dev/null", f"{page(box)}slow"
        )
        eventually(lambda: any(r.host == "good.test" for r in box.records(policy)))
        time.sleep(0.3)
        kill_hard(api, helpers_image, gateway)
        # No moment is open: while the gateway is away, every way out fails.
        done = box.sh(policy, ready, *CURL, "--noproxy", "*", page(box))
        assert done.exit_code != 0
        broken = slow.result(timeout=60)
    assert broken.exit_code != 0
    assert b"curl:" in broken.stderr
    eventually(lambda: box.sh(policy, ready, *CURL, page(box)).stdout.startswith(b"world"))
    assert box.gateways() == [gateway]
    assert SLOW_BYTES > 1 << 20


def test_a_gateway_that_was_stopped_comes_back_with_the_next_run(box: Box, api: APIClient) -> None:
    policy = box.policy()
    ready = box.up(policy)
    [gateway] = box.gateways()
    api.kill(gateway)
    done = box.sh(policy, ready, *CURL, page(box))
    assert b"gateway is not running" in done.stdout
    ready = box.up(policy)
    assert box.sh(policy, ready, *CURL, page(box)).stdout.startswith(b"world")


@pytest.mark.parametrize("what", ["pause", "remove", "folder"])
def test_a_gateway_that_somebody_took_away_comes_back(what: str, box: Box, api: APIClient) -> None:
    policy = box.policy()
    ready = box.up(policy)
    [gateway] = box.gateways()
    if what == "pause":
        api.pause(gateway)
    elif what == "remove":
        api.remove_container(gateway, force=True)
    else:
        shutil.rmtree(box.place(policy).socket_dir)
    ready = box.up(policy)
    assert box.sh(policy, ready, *CURL, page(box)).stdout.startswith(b"world")
    assert box.gateways() == [gateway]
    assert len(box.forwarders()) == 1


def test_many_at_once(box: Box) -> None:
    """On the engine's default address pools, which end after 30 networks: sandboxes need none."""
    policies = [box.policy(session=f"agent:main:box{number}") for number in range(MANY)]

    def fetch(policy: EffectivePolicy) -> bytes:
        ready = box.up(policy)
        return box.sh(policy, ready, *CURL, page(box)).stdout

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(fetch, policies))
    assert all(answer.startswith(b"world") for answer in answers), answers
    assert len(box.gateways()) == 1
    assert len(box.forwarders()) == MANY
    assert len({record.sandbox for record in box.records(policies[0])}) == MANY


def test_without_the_helpers_image_nothing_runs(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "GATEWAY_REFERENCE", "octest-none:none")
    with pytest.raises(ImageMissingError) as failed:
        box.up(box.policy())
    assert failed.value.exit_code == 125
    assert box.sandbox.containers() == []


def test_a_port_that_is_taken_ends_the_run(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody in the sandbox listens where the forwarder should: no run pretends to have a way out."""
    policy = box.policy()
    plain = replace(policy, egress=None)
    monkeypatch.setattr(service, "_READY_S", 3.0)
    ready = box.up(plain)
    script = "import socket; s = socket.create_server(('127.0.0.1', 3128)); input()"
    from openclaw_sandbox.engine.base import ExecSpec

    taken = box.engine.exec_start(ready.container_id, ExecSpec(argv=("python3", "-c", script), stdin=True))
    time.sleep(0.5)
    gateway = service.ensure_gateway(policy, box.engine, env={})
    with pytest.raises(EgressError, match="port 3128") as failed:
        service.ensure_forwarder(gateway, box.engine, ready.container_id)
    taken.stream.close()
    assert failed.value.exit_code == 125
    assert box.forwarders() == []


def test_a_sandbox_that_stops_meanwhile_is_said_to_be_gone(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """The forwarder joins its network, and there is none any more: that is not the forwarder's failure."""
    policy = box.policy()
    ready = box.up(replace(policy, egress=None))
    gateway = service.ensure_gateway(policy, box.engine, env={})

    def stop_first(engine: DockerEngine) -> ImageInfo:
        engine.kill(ready.container_id)
        engine.wait(ready.container_id, timeout_s=10)
        return image_of(engine)

    image_of = service._image
    monkeypatch.setattr(service, "_image", stop_first)
    with pytest.raises(SandboxGoneError):
        service.ensure_forwarder(gateway, box.engine, ready.container_id)
    assert box.forwarders() == []
    monkeypatch.undo()
    again = box.up(policy)
    assert box.sh(policy, again, *CURL, page(box)).stdout.startswith(b"world")
