"""`file_access` as mounts."""

from __future__ import annotations

from openclaw_sandbox.policy.mounts import Mount, MountKind, outermost, restrict

WORK = Mount(
    destination="/workspace", source="/srv/ws", writable=True, kind=MountKind.WORKSPACE, key="workspaceAccess"
)
AGENT = Mount(destination="/agent", source="/srv/agent", writable=False, kind=MountKind.AGENT)
DATA = Mount(destination="/data", source="/srv/data", writable=False, kind=MountKind.BIND, key="bind")
TMP = Mount(destination="/tmp", source=None, writable=True, kind=MountKind.TMPFS, options=("size=1m",))
ALL = (WORK, AGENT, DATA, TMP)


def shown(
    *hidden: str, visible: tuple[str, ...] | None = None, mounts: tuple[Mount, ...] = ALL
) -> dict[str, tuple[str | None, str]]:
    """Destination -> (source, kind) of what is not as it was."""
    found = restrict(mounts, visible=visible, hidden=hidden)
    return {m.destination: (m.source, m.kind.value) for m in found if m not in mounts}


def test_nothing_said_changes_nothing() -> None:
    assert restrict(ALL, visible=None, hidden=()) == ALL


def test_a_denied_path_is_masked_and_everything_above_it_is_held_in_place() -> None:
    assert shown("/workspace/a/b/secret") == {
        "/workspace/a": ("/srv/ws/a", "workspace"),
        "/workspace/a/b": ("/srv/ws/a/b", "workspace"),
        "/workspace/a/b/secret": (None, "mask"),
    }
    mask = restrict(ALL, visible=None, hidden=("/workspace/x",))[-1]
    assert mask.behind == "/srv/ws/x"
    assert not mask.writable


def test_what_lies_in_the_image_is_the_engines_to_hide() -> None:
    assert shown("/etc/shadow") == {"/etc/shadow": (None, "hidden")}


def test_a_mount_below_a_denied_path_is_left_out() -> None:
    found = restrict(ALL, visible=None, hidden=("/data", "/tmp"))
    assert {m.destination: m.kind for m in found if m.destination in ("/data", "/tmp")} == {
        "/data": MountKind.HIDDEN,
        "/tmp": MountKind.HIDDEN,
    }


def test_in_memory_too() -> None:
    assert shown("/tmp/x") == {"/tmp/x": (None, "mask")}


def test_the_same_files_are_hidden_wherever_they_are_seen() -> None:
    twice = (*ALL, Mount(destination="/mine", source="/srv", writable=True, kind=MountKind.BIND))
    assert shown("/workspace/secret", mounts=twice)["/mine/ws/secret"] == (None, "mask")
    deeper = (*ALL, Mount(destination="/mine", source="/srv/ws/secret/a", writable=True, kind=MountKind.BIND))
    found = restrict(deeper, visible=None, hidden=("/workspace/secret",))
    assert [m.kind for m in found if m.destination == "/mine"] == [MountKind.HIDDEN]


def test_of_the_workspaces_only_what_is_allowed_is_left() -> None:
    assert shown(visible=("/workspace/src", "/workspace/src/deep", "/workspace/out")) == {
        "/workspace": (None, "mask"),
        "/workspace/out": ("/srv/ws/out", "workspace"),
        "/workspace/src": ("/srv/ws/src", "workspace"),
        "/agent": (None, "mask"),
    }


def test_allowed_as_a_whole() -> None:
    assert shown(visible=("/workspace", "/agent")) == {}
    assert shown(visible=("/",)) == {}


def test_denied_beats_allowed() -> None:
    found = shown("/workspace/src/key", "/workspace/out", visible=("/workspace/src", "/workspace/out"))
    assert found["/workspace/src/key"] == (None, "mask")
    assert found["/workspace/src"] == ("/srv/ws/src", "workspace")
    assert "/workspace/out" not in found  # it lies in the empty frame


def test_outermost() -> None:
    assert outermost(["/b/c", "/a", "/a/b", "/ab", "/b/c"]) == ("/a", "/ab", "/b/c")
