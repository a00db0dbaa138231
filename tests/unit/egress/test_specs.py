"""The helpers as containers, and where their files are."""

from __future__ import annotations

import stat
from dataclasses import replace
from ipaddress import ip_address
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.egress.foresee import NO_NETWORK, foresee
from openclaw_sandbox.egress.helpers import FOR, KEY, forwarder_spec, gateway_spec, ticket_of
from openclaw_sandbox.egress.place import place_of, places
from openclaw_sandbox.engine.base import ContainerState, ImageInfo, Observed
from openclaw_sandbox.errors import EgressError
from openclaw_sandbox.policy.egress import EgressPolicy, parse_rule
from openclaw_sandbox.spec import labels
from openclaw_sandbox.spec.model import RestartPolicy

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = ImageInfo(
    id="sha256:1",
    tags=(),
    digests=(),
    size_bytes=1,
    created_at="",
    architecture="amd64",
    user="",
    labels={},
)
SANDBOX = Observed(
    id="f" * 64,
    name="octest-box",
    image="i",
    image_id="sha256:2",
    labels={},
    state=ContainerState.RUNNING,
    created_at_ms=0,
    started_at="2026-01-02T03:04:05.6Z",
)


def policy(tmp_path: Path, *entries: str, dns: tuple[str, ...] = (), network: str = "none") -> Any:
    """As much of a policy as the way out looks at."""
    rules = EgressPolicy(allow=tuple(parse_rule(entry) for entry in entries)) if entries else None
    return SimpleNamespace(
        egress=rules,
        hardening=SimpleNamespace(dns=dns, network=network),
        state_dir=tmp_path,
        container_prefix="octest-",
    )


def test_policies_that_decide_alike_share_a_gateway(tmp_path: Path) -> None:
    one = place_of(policy(tmp_path, "a.example", "b.example"))
    assert place_of(policy(tmp_path, "b.example", "a.example")) == one
    assert place_of(policy(tmp_path, "a.example")) != one
    assert place_of(policy(tmp_path, "a.example", "b.example", dns=("10.0.0.53",))) != one
    assert place_of(policy(tmp_path / "other", "a.example", "b.example")).key != one.key
    with pytest.raises(EgressError):
        place_of(policy(tmp_path))


def test_the_gateway_has_a_network_and_its_own_files(tmp_path: Path) -> None:
    given = policy(tmp_path, "a.example", dns=("10.0.0.53",))
    place = place_of(given)
    spec = gateway_spec(given, place, IMAGE)
    assert (spec.name, spec.network, spec.dns) == (
        f"octest-egress-{place.key}",
        "openclaw-sandbox-egress",
        ("10.0.0.53",),
    )
    assert {(m.destination, m.read_only) for m in spec.mounts} == {
        ("/etc/openclaw-egress", True),
        ("/run/openclaw-egress", False),
        ("/var/log/openclaw-egress", False),
    }
    assert spec.labels[KEY] == place.key


def test_the_forwarder_has_the_sandboxs_loopback_and_the_socket(tmp_path: Path) -> None:
    given = policy(tmp_path, "a.example")
    place = place_of(given)
    spec = forwarder_spec(given, place, SANDBOX, IMAGE)
    assert spec.network == f"container:{SANDBOX.id}"
    assert [(m.destination, m.read_only) for m in spec.mounts] == [("/run/openclaw-egress", True)]
    assert spec.labels[FOR] == SANDBOX.id
    assert "octest-box" in spec.command


@pytest.mark.parametrize("what", ["gateway", "forwarder"])
def test_both_are_hardened(what: str, tmp_path: Path) -> None:
    given = policy(tmp_path, "a.example")
    place = place_of(given)
    spec = (
        gateway_spec(given, place, IMAGE)
        if what == "gateway"
        else forwarder_spec(given, place, SANDBOX, IMAGE)
    )
    assert (spec.user, spec.read_only_root, spec.cap_drop, spec.cap_add) == (
        "65534:65534",
        True,
        ("ALL",),
        (),
    )
    assert spec.no_new_privileges
    assert spec.seccomp.profile is not None
    assert (spec.pids_limit, spec.memory_bytes) == (64, 256 << 20)
    assert spec.restart is RestartPolicy.UNLESS_STOPPED
    assert spec.env == {}
    assert labels.SANDBOX not in spec.labels


def test_a_ticket_is_of_one_start_of_one_sandbox(tmp_path: Path) -> None:
    place = place_of(policy(tmp_path, "a.example"))
    assert ticket_of(place, SANDBOX) == ticket_of(place, SANDBOX)
    assert ticket_of(place, replace(SANDBOX, started_at="2026-01-02T03:04:06Z")) != ticket_of(place, SANDBOX)
    other = place_of(policy(tmp_path, "b.example"))
    assert ticket_of(other, SANDBOX) != ticket_of(place, SANDBOX)


def test_settings_are_written_once_and_behind_a_closed_door(tmp_path: Path) -> None:
    place = place_of(policy(tmp_path, "a.example"))
    assert places(tmp_path) == []
    place.write_settings("one")
    file = place.settings_dir / "settings.json"
    first = file.stat()
    place.write_settings("one")
    assert file.stat().st_mtime_ns == first.st_mtime_ns
    place.write_settings("two")
    assert file.read_text() == "two"
    assert file.stat().st_ino != first.st_ino  # a new file: nobody reads half of it
    assert stat.S_IMODE(place.root.stat().st_mode) == 0o700
    assert places(tmp_path) == [place]


def test_a_folder_that_somebody_removed_is_made_again(tmp_path: Path) -> None:
    place = place_of(policy(tmp_path, "a.example"))
    place.write_settings("one")
    place.socket_dir.rmdir()
    place.write_settings("one")
    assert stat.S_IMODE(place.socket_dir.stat().st_mode) == 0o777


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "sandbox").write_text("a file")
    with pytest.raises(EgressError, match="cannot be written"):
        place_of(policy(tmp_path, "a.example")).write_settings("one")


def test_no_gateway_is_no_health(tmp_path: Path) -> None:
    assert place_of(policy(tmp_path, "a.example")).health() is None


def test_what_would_happen(tmp_path: Path) -> None:
    names = {"a.example": ["192.0.2.1"], "in.example": ["10.0.0.1"], "gone.example": []}
    asked: list[str] = []

    def look_up(host: str, _port: int) -> list[str]:
        asked.append(host)
        return names[host]

    given = policy(tmp_path, *names)
    found = foresee(given, "a.example", 443, look_up=look_up)
    assert (found.allowed, found.addresses, found.rule) == (
        True,
        (str(ip_address("192.0.2.1")),),
        "a.example",
    )
    assert "private" in foresee(given, "in.example", 443, look_up=look_up).reason
    assert "does not resolve" in foresee(given, "gone.example", 443, look_up=look_up).reason
    asked.clear()
    assert not foresee(given, "other.example", 443, look_up=look_up).allowed
    assert asked == []  # what no rule allows is not looked up
    assert foresee(policy(tmp_path), "a.example", 443).reason == NO_NETWORK
    assert foresee(policy(tmp_path, network="bridge"), "a.example", 443).allowed
