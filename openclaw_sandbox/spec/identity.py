"""Which uid:gid runs in the sandbox: numeric, not root, and able to use the workspace. Pure."""

from __future__ import annotations

import re

from openclaw_sandbox.dataclass import dataclass

#: The user `sandbox` of the images that `setup` builds.
IMAGE_UID = 1000
_MAX_ID = (1 << 31) - 1  # the largest that engines take


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A numeric user and group of this host."""

    uid: int
    gid: int

    def text(self) -> str:
        """As `--user` takes it."""
        return f"{self.uid}:{self.gid}"


def parse_user(user: str) -> Owner | None:
    """A configured `docker.user` when it is numeric; None for names, which only the image can resolve.

    A lone uid gets the group of the same number: Docker would give it group 0 where the image has no
    such user.
    """
    if not re.fullmatch(r"[0-9]{1,10}(:[0-9]{1,10})?", user):
        return None
    uid, _, gid = user.partition(":")
    owner = Owner(uid=int(uid), gid=int(gid or uid))
    return owner if max(owner.uid, owner.gid) <= _MAX_ID else None


def owner_for(folder: Owner) -> Owner | None:
    """The identity that can use a folder owned so; None if only root could, which no sandbox gets."""
    if folder.uid == 0:
        return None
    return Owner(uid=folder.uid, gid=folder.gid or folder.uid)


def owner_of_new_folder(operator: Owner) -> Owner:
    """Whose a folder is that this tool makes: the operator's; the image's user when the operator is root."""
    if operator.uid == 0:
        return Owner(uid=IMAGE_UID, gid=IMAGE_UID)
    return Owner(uid=operator.uid, gid=operator.gid or operator.uid)
