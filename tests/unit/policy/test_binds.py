from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.config.origin import BUILT_IN
from openclaw_sandbox.policy import binds
from openclaw_sandbox.policy.binds import BindJudge, BindRules
from openclaw_sandbox.policy.findings import Findings
from tests.fake_host import HOME, STATE, FakeHost

if TYPE_CHECKING:
    from openclaw_sandbox.policy.model import Bind

RULES = BindRules(workdir="/workspace")


def _judge(host: FakeHost | None = None) -> BindJudge:
    sensitive = binds.sensitive_paths(homes=(HOME,), state_dir=STATE, config_file=Path("/etc2/openclaw.json"))
    return BindJudge(sensitive, host or FakeHost())


def _resolve(
    *entries: str, rules: BindRules = RULES, host: FakeHost | None = None
) -> tuple[tuple[Bind, ...], list[str]]:
    notes = Findings()
    found = binds.resolve_binds([(entry, BUILT_IN) for entry in entries], _judge(host), rules, notes)
    return found, [finding.code for finding in notes.found]


@pytest.mark.parametrize(
    "source",
    [
        "/etc",
        "/etc/passwd",
        "/var",
        "/",
        "/home",
        "/home/op",
        "/home/op/.ssh",
        "/home/somebody/.aws/x",
        "/home/somebody",
        "/home/op/.openclaw",
        "/home/op/.openclaw/openclaw.json",
        "/home/op/.openclaw/credentials/x",
        "/etc2/openclaw.json",
        "/var/lib/docker/volumes",
        "/srv/docker.sock",
        "/run/user/1000",
    ],
)
def test_sensitive_sources_are_refused_read_only_too(source: str) -> None:
    assert _resolve(f"{source}:/x:ro") == ((), ["bind.sensitive"])


@pytest.mark.parametrize(
    "source",
    [
        "/srv/data",
        "/home/op/projects",
        "/home/op/.openclaw/sandboxes/x",
        "/etcetera",
        "/opt/data",
        "/home/op/.sshx",
    ],
)
def test_other_sources_are_kept(source: str) -> None:
    found, codes = _resolve(f"{source}:/x")
    assert codes == []
    assert found[0].source == source


def test_host_programs_may_be_read_and_not_written() -> None:
    assert _resolve("/usr/share/doc:/x:ro")[1] == []
    assert _resolve("/usr/share/doc:/x")[1] == ["bind.sensitive"]


def test_symlinks_are_followed_also_above_what_does_not_exist() -> None:
    host = FakeHost(links={"/srv/link": "/etc"})
    assert _resolve("/srv/link/not-there:/x", host=host)[1] == ["bind.sensitive"]


@pytest.mark.parametrize("source", ["/etc ", "/ ", "//\u00a0", "/srv/../etc\t"])
def test_spaces_around_a_sensitive_source_do_not_hide_it(source: str) -> None:
    assert _resolve(f"{source}:/x:ro")[1] == ["bind.sensitive"]


def test_a_sensitive_path_that_is_a_link_hides_its_target() -> None:
    host = FakeHost(links={"/home/op/.ssh": "/srv/keys"})
    assert _resolve("/srv/keys:/x", host=host)[1] == ["bind.sensitive"]


def test_the_reason_names_the_way() -> None:
    host = FakeHost(links={"/srv/s": "/run/docker.sock"})
    objection = _judge(host).objection("/srv/s", read_only=True)
    assert objection == (
        "leads through a symlink to /run/docker.sock, which is a container engine's socket,"
        " which controls this host"
    )


def test_a_folder_with_an_engines_socket_is_refused() -> None:
    host = FakeHost(sockets=frozenset({"/srv/x/podman.sock"}))
    assert _resolve("/srv/x:/x", host=host)[1] == ["bind.sensitive"]


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ("relative:/x", "bind.source"),
        (":/x", "bind.source"),
        ("/srv\0:/x", "bind.source"),
        ("/srv", "bind.target"),
        ("/srv:relative", "bind.target"),
        ("/srv:/x:ro:z", "bind.target"),
        ("/srv:/workspace/x", "bind.target"),
        ("/srv:/agent", "bind.target"),
        ("/srv:/etc", "bind.target"),
        ("/srv:/", "bind.target"),
        ("/srv:/proc/1", "bind.target"),
        ("/srv:/x:shared", "bind.option"),
        ("/srv:/x:ro,rw", "bind.option"),
        ("/srv:/x:z,Z", "bind.option"),
    ],
)
def test_binds_that_cannot_be(entry: str, code: str) -> None:
    assert _resolve(entry) == ((), [code])


def test_the_long_key_lifts_the_rule_for_our_own_targets_alone() -> None:
    rules = binds.flags({"dangerouslyAllowReservedContainerTargets": True}, workdir="/workspace")
    assert _resolve("/srv:/workspace/x", rules=rules)[1] == []
    assert _resolve("/srv:/proc", rules=rules)[1] == ["bind.target"]
    assert not binds.flags({}, workdir="/w").allow_reserved_targets


def test_options_and_normalized_paths() -> None:
    found, _ = _resolve(" /srv/./a//b/:/x/../y:ro,z,cached ")
    assert (found[0].source, found[0].destination) == ("/srv/a/b", "/y")
    assert (found[0].read_only, found[0].selinux_relabel) == (True, "z")


def test_equal_binds_are_one_and_different_ones_conflict() -> None:
    assert len(_resolve("/srv/a:/x", "/srv/a/:/x:rw")[0]) == 1
    assert _resolve("/srv/a:/x", "/srv/b:/x")[1] == ["bind.conflict"]
    assert _resolve("/srv/a:/x", "/srv/a:/x:ro")[1] == ["bind.conflict"]


def test_outside_workspaces() -> None:
    found, _ = _resolve("/srv/a:/x", "/srv/ws/b:/y")
    assert [b.source for b in binds.outside_workspaces(found, [Path("/srv/ws")])] == ["/srv/a"]


@pytest.mark.parametrize(("text", "source"), [("/a:/b", "/a"), ("/a", "/a"), (":/a", ":/a"), ("", "")])
def test_source_of(text: str, source: str) -> None:
    assert binds.source_of(text) == source
