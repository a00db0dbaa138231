"""The build context: the Dockerfile and the host's apt settings in one tar. Pure: same input, same bytes."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openclaw_sandbox.image.aptfiles import AptFiles
    from openclaw_sandbox.image.recipes import Recipe

#: Where the Dockerfiles expect the folder `host-apt` of the context.
HOST_APT = "/run/host-apt"


def build_context(recipe: Recipe, apt: AptFiles) -> bytes:
    """A tar for the engine. It may hold passwords of mirrors; the recipe's last stage does not have them."""
    files = {f"host-apt/{name}": content for name, content in apt.files(HOST_APT).items()}
    files[recipe.dockerfile] = recipe.text.encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size = len(files[name])
            # apt reads as a user of its own; only its passwords are read before it changes to that user.
            entry.mode = 0o600 if name.endswith("/auth.conf") else 0o644
            tar.addfile(entry, io.BytesIO(files[name]))
    return buffer.getvalue()
