from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.policy.paths import MountKind, PathMap, path_map
from openclaw_sandbox.policy.resolve import survey
from openclaw_sandbox.spec.build import BuildContext, build_spec
from tests.fake_host import HOME, FakeHost, config_of

if TYPE_CHECKING:
    from openclaw_sandbox.policy.model import EffectivePolicy

_BINDS = ["/srv/data:/data:ro", "/srv/cache:/cache", "/srv/deep:/data/deep"]


def _policy(access: str = "none", **docker: Any) -> EffectivePolicy:
    sandbox = {"workspaceAccess": access, "docker": {"binds": _BINDS, **docker}}
    config = config_of({"agents": {"defaults": {"sandbox": sandbox, "workspace": "/srv/ws"}}})
    return survey(config, session=None, agent=None, host=FakeHost())


def _map(access: str = "none", **docker: Any) -> PathMap:
    return path_map(_policy(access, **docker), home=HOME)


@pytest.mark.parametrize(
    ("path", "host", "writable"),
    [
        ("/data/x", "/srv/data/x", False),
        ("/data/deep/x", "/srv/deep/x", True),
        ("/cache", "/srv/cache", True),
        ("/etc/passwd", None, False),
        ("/tmp/x", None, True),
        ("/agent/x", None, False),
        ("/workspace/../data", "/srv/data", False),
    ],
)
def test_inside(path: str, host: str | None, writable: bool) -> None:
    mapped = _map().inside(path)
    assert (mapped.host_path, mapped.writable) == (host, writable)


def test_what_covers_a_host_path_hides_it() -> None:
    assert _map().from_host("/srv/data/x") is not None
    assert _map().from_host("/srv/data/deep/x") is None
    assert _map().from_host("/etc") is None


def test_read_only_means_read_only() -> None:
    paths = _map("ro")
    assert not paths.inside("/workspace/x").writable
    assert paths.inside("/agent/x").host_path == "/srv/ws/x"
    assert _map("rw").inside("/workspace/x").host_path == "/srv/ws/x"


def test_the_image_itself() -> None:
    assert _map(readOnlyRoot=False).inside("/etc/passwd").writable
    assert _map().inside("/etc/passwd").mount.kind is MountKind.IMAGE


def test_no_agent_folder_beside_itself() -> None:
    sandbox = {"workspaceAccess": "ro", "scope": "shared", "workspaceRoot": "/srv/ws"}
    config = config_of({"agents": {"defaults": {"sandbox": sandbox, "workspace": "/srv/ws"}}})
    policy = survey(config, session=None, agent=None, host=FakeHost())
    assert [m.kind for m in path_map(policy, home=HOME).mounts if m.source] == [MountKind.WORKSPACE]


@pytest.mark.parametrize(
    ("text", "container"),
    [
        ("/workspace/a\\b", "/workspace/a/b"),
        ("a\\b", "/workspace/a\\b"),
        (" /workspace/x ", "/workspace/x"),
        (" x ", "/workspace/ x "),
        ("a\u202fb", "/workspace/a b"),
        ("..a", "/workspace/..a"),
        ("", "/workspace"),
        ("/srv/cache/x", "/cache/x"),
        ("/data/x", "/data/x"),
        ("~/x", None),
        ("~", None),
        ("../x", None),
    ],
)
def test_as_a_file_tool_takes_it(text: str, container: str | None) -> None:
    mapped = _map().resolve(text)
    assert (mapped.container_path if mapped else None) == container


def test_a_host_folder_that_is_hidden_in_one_place_and_seen_in_another() -> None:
    policy = _policy(binds=["/srv/a:/x", "/srv/b:/x/b", "/srv/a/b:/y"])
    mapped = path_map(policy, home=HOME).from_host("/srv/a/b/c")
    assert mapped is not None
    assert mapped.container_path == "/y/c"


def test_a_root_that_is_mounted_whole() -> None:
    paths = PathMap((), workdir="/workspace", home=Path("/home/op"))
    assert paths.inside("/x").relative_path == "/x"
    assert paths.resolve("x") is None


@pytest.mark.parametrize("access", ["none", "ro", "rw"])
def test_the_map_and_the_container_are_made_of_the_same_mounts(access: str) -> None:
    """What file tools may write is what exec can write."""
    policy = _policy(access, tmpfs=["/tmp", "/cache"])
    spec = build_spec(policy, BuildContext(user="1000:1000", seccomp_profile=None, created_at_ms=0))
    mounts = path_map(policy, home=HOME).mounts
    assert sorted((m.destination, m.source, m.writable) for m in mounts if m.source) == sorted(
        (m.destination, m.source, not m.read_only) for m in spec.mounts
    )
    assert {m.destination for m in mounts if not m.source} == {t.destination for t in spec.tmpfs}
