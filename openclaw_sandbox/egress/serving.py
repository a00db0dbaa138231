"""What both helpers do: listen, and run until they are told to end."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

from openclaw_sandbox.egress.ends import Connection

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


async def listen(
    path: Path, connected: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
) -> asyncio.Server:
    """Serve on a unix socket that replaces one left by a process that was killed."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    loop = asyncio.get_running_loop()
    server = await loop.create_unix_server(lambda: Connection(connected), path=fresh, backlog=1024)
    # Whoever has the folder may connect: only the owner on the host, and the forwarders' mounts, have it.
    fresh.chmod(0o666)
    fresh.replace(path)
    return server


async def until_signal() -> None:
    """Wait for SIGTERM or SIGINT."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, ended.set)
    await ended.wait()
