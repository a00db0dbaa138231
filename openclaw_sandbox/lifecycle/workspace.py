"""The host folders that a sandbox sees: made, given to the right user, and checked before anything starts."""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
from typing import TYPE_CHECKING

from openclaw_sandbox.errors import WorkspaceError
from openclaw_sandbox.lifecycle.locks import sandbox_lock
from openclaw_sandbox.policy.model import WorkspaceAccess
from openclaw_sandbox.spec.identity import Owner, owner_for, owner_of_new_folder, parse_user

if TYPE_CHECKING:
    from pathlib import Path

    from openclaw_sandbox.policy.model import EffectivePolicy, Workspace


def plan_user(policy: EffectivePolicy) -> str:
    """The `uid:gid` that `prepare_workspace` would choose, without making or changing anything.

    Raises:
        WorkspaceError: nobody but root could use the workspace.
    """
    if policy.workspace.access is not WorkspaceAccess.RW:
        _refuse_link(policy.workspace)
    configured = policy.hardening.user
    if configured:
        numeric = parse_user(configured)
        return numeric.text() if numeric else configured
    operator = Owner(uid=os.getuid(), gid=os.getgid())
    folder = policy.workspace.workspace_dir
    access = policy.workspace.access
    if access is not WorkspaceAccess.NONE:
        folder = policy.workspace.agent_workspace_dir
    found = _owner_of(folder)
    if found is None:
        return owner_of_new_folder(operator).text()
    fits = owner_for(found)
    if fits is not None:
        return fits.text()
    if access is WorkspaceAccess.NONE and operator.uid == 0 and _is_ours(policy):
        return owner_of_new_folder(operator).text()
    raise _root_owned(folder)


def prepare_workspace(policy: EffectivePolicy) -> str:
    """Make the folders that are missing and hand ours to the sandbox; the `uid:gid` that can use them.

    A sandbox's folder where this tool keeps them is given away with all that is in it. Any other folder (the
    agent's workspace, a workspaceRoot of the operator's) is made when missing, and otherwise never touched.

    Raises:
        WorkspaceError: a folder cannot be made or used.
    """
    if _settled(policy.workspace):
        return _prepare(policy)
    with sandbox_lock(policy.state_dir, "\0workspaces"):
        return _prepare(policy)


def _settled(space: Workspace) -> bool:
    """Nobody may be making a folder now: between making it and giving it away, it is root's."""
    folders = [space.workspace_dir] + [space.agent_workspace_dir] * (space.access is not WorkspaceAccess.NONE)
    owners = [_owner_of(folder) for folder in folders]
    return os.getuid() != 0 or all(owner is not None and owner.uid != 0 for owner in owners)


def _prepare(policy: EffectivePolicy) -> str:
    user = plan_user(policy)
    owner = parse_user(user)
    space = policy.workspace
    if space.access is not WorkspaceAccess.NONE:
        _make(space.agent_workspace_dir, owner)
        _check_usable(space.agent_workspace_dir, owner, write=space.access is WorkspaceAccess.RW)
    if space.access is not WorkspaceAccess.RW:
        _make(space.sandbox_dir, owner)
        if _is_ours(policy):
            _give(space.sandbox_dir, owner)
        _check_usable(space.sandbox_dir, owner, write=space.access is WorkspaceAccess.NONE)
    return user


def _is_ours(policy: EffectivePolicy) -> bool:
    """Whether the sandbox's folder lies where this tool keeps them: a workspaceRoot may be any folder."""
    kept = policy.state_dir / "sandboxes"
    folder = policy.workspace.sandbox_dir
    return folder == kept or kept in folder.parents


def _refuse_link(space: Workspace) -> None:
    """Who runs in a shared sandbox can write beside other scopes' folders, and so put a link there."""
    if space.sandbox_dir != space.root and space.sandbox_dir.is_symlink():
        raise WorkspaceError(
            f"The sandbox's folder {space.sandbox_dir} is a link: it could lead anywhere on this machine.",
            hint=f"Look where it leads, then remove it: rm {shlex.quote(str(space.sandbox_dir))}",
        )


def _owner_of(folder: Path) -> Owner | None:
    try:
        found = folder.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise WorkspaceError(f"The workspace {folder} cannot be used: {error.strerror}.") from None
    return Owner(uid=found.st_uid, gid=found.st_gid)


def _make(folder: Path, owner: Owner | None) -> None:
    try:
        if folder.is_dir():
            return
        folder.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            if owner is not None and os.getuid() == 0:
                os.chown(folder, owner.uid, owner.gid, follow_symlinks=False)
    except OSError as error:
        raise WorkspaceError(
            f"The workspace {folder} cannot be made: {error.strerror}.",
            hint=f"Make it yourself, as the user who runs this: mkdir -p {shlex.quote(str(folder))}",
        ) from None
    if not folder.is_dir():
        raise WorkspaceError(f"The workspace {folder} is not a folder.", hint="Move what stands there away.")


def _give(folder: Path, owner: Owner | None) -> None:
    """Give what root made in our own folder to the sandbox's user; what the sandbox made is his already.

    The content was written by untrusted code: links are never followed, and a file with a second name (a hard
    link from elsewhere) is left alone.
    """
    if owner is None or os.getuid() != 0 or owner.uid == folder.stat().st_uid:
        return
    for _, folders, files, descriptor in os.fwalk(folder, follow_symlinks=False):
        for name in (*folders, *files):
            with contextlib.suppress(FileNotFoundError):
                found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                if found.st_uid == 0 and (stat.S_ISDIR(found.st_mode) or found.st_nlink == 1):
                    os.chown(name, owner.uid, owner.gid, dir_fd=descriptor, follow_symlinks=False)
    os.chown(folder, owner.uid, owner.gid, follow_symlinks=False)


def _check_usable(folder: Path, owner: Owner | None, *, write: bool) -> None:
    """Can that user really use the folder? Inside, root has no privileges either: only the mode counts."""
    if owner is None:
        return  # a name that only the image knows: the mode bits of nobody can be judged
    found = folder.stat()
    wanted = 0o7 if write else 0o5
    if found.st_uid == owner.uid:
        granted = found.st_mode >> 6
    elif found.st_gid == owner.gid:
        granted = found.st_mode >> 3
    else:
        granted = found.st_mode
    if granted & wanted != wanted:
        what, quoted = "write to" if write else "read", shlex.quote(str(folder))
        raise WorkspaceError(
            f"The sandbox's user {owner.text()} may not {what} the workspace {folder} "
            f"(owner {found.st_uid}:{found.st_gid}, mode {stat.S_IMODE(found.st_mode):04o}).",
            hint=f"Give it to him: sudo chown -R {owner.text()} {quoted} && sudo chmod u+rwx {quoted}",
        )


def _root_owned(folder: Path) -> WorkspaceError:
    return WorkspaceError(
        f"The workspace {folder} belongs to root, and no sandbox runs as root.",
        hint=f"Give it to an ordinary user: sudo chown -R 1000:1000 {shlex.quote(str(folder))}",
    )
