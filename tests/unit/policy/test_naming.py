from __future__ import annotations

from pathlib import Path

import pytest

from openclaw_sandbox.policy import naming
from openclaw_sandbox.policy.model import Scope, Workspace, WorkspaceAccess

_DOCKER = {
    "image": "openclaw-sandbox:bookworm-slim",
    "containerPrefix": "openclaw-sbx-",
    "workdir": "/workspace",
    "readOnlyRoot": True,
    "tmpfs": ["/tmp", "/var/tmp", "/run"],
    "network": "none",
    "capDrop": ["ALL"],
    "env": {"LANG": "C.UTF-8"},
}
_OWN = Path("/home/u/.openclaw/sandboxes/agent-main-f331f052")
_WORKSPACE = Workspace(
    root=_OWN.parent,
    workspace_dir=_OWN,
    agent_workspace_dir=Path("/home/u/.openclaw/workspace"),
    sandbox_dir=_OWN,
    access=WorkspaceAccess.NONE,
)


def test_hash_of_the_defaults() -> None:
    found = naming.config_hash(_DOCKER, workspace=_WORKSPACE)
    assert found == "8ee2377138878d5d7089a7cf6d1ebd889e00bcc44b327a640f70889976dfb93e"


def test_hash_with_everything_whose_order_matters() -> None:
    docker = {
        **_DOCKER,
        "env": {"LANG": "C.UTF-8", "b_x": "1", "B_Y": "2", "a": "3", "A": "4", "_z": "5", "Z1": "6"},
        "binds": ["/srv/a:/a:ro"],
        "pidsLimit": 256,
        "memory": "1g",
        "cpus": 1.0,
        "ulimits": {"nofile": {"soft": 1024, "hard": 2048}, "nproc": 256},
    }
    found = naming.config_hash(docker, workspace=_WORKSPACE)
    assert found == "bfef4141a6f64f958787e48100e11a9a32f15f5198ea49b703e1102cbed49c04"


@pytest.mark.parametrize(
    ("scope", "key"),
    [
        (Scope.SHARED, "shared"),
        (Scope.AGENT, "agent:work"),
        (Scope.SESSION, "agent:work:x"),
    ],
)
def test_scope_key(scope: Scope, key: str) -> None:
    assert naming.scope_key(scope, session_key=" agent:work:x ", agent_id="work") == key


def test_a_blank_session_is_main() -> None:
    assert naming.scope_key(Scope.SESSION, session_key=" ", agent_id="work") == "main"


def test_the_shared_scope_has_a_plain_slug() -> None:
    assert naming.scope_slug(Scope.SHARED, "shared") == "shared"
    assert naming.scope_slug(Scope.AGENT, "agent:main") == "agent-main-f331f052"


def test_names_are_cut_as_openclaw_cuts_them() -> None:
    assert len(naming.container_name("p" * 50, "agent-main-f331f052")) == 63


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("~", "/home/u"),
        ("~/x/../y", "/home/u/y"),
        ("~other", "/srv/here/~other"),
        ("rel", "/srv/here/rel"),
        ("//etc//x/", "/etc/x"),
        (" /a ", "/a"),
    ],
)
def test_user_path(text: str, path: str) -> None:
    assert naming.user_path(text, home=Path("/home/u"), cwd=Path("/srv/here")) == Path(path)


def test_sandbox_folder() -> None:
    root = Path("/r")
    assert naming.sandbox_folder(root, Scope.SHARED, "shared") == root
    assert naming.sandbox_folder(root, Scope.AGENT, "slug") == root / "slug"
