"""The main program of the helpers' image: `gateway BUILD`, or `forwarder NAME TICKET PORT`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_sandbox.egress.settings import LOG_FILE, SETTINGS_FILE, SOCKET_FILE

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Run a helper until it is told to end; its exit status. The engine restarts one that fails."""
    try:
        if arguments[0] == "gateway":
            from openclaw_sandbox.egress.gateway import serve_gateway

            asyncio.run(serve_gateway(Path(SOCKET_FILE), Path(SETTINGS_FILE), Path(LOG_FILE), arguments[1]))
        else:
            from openclaw_sandbox.egress.forwarder import serve_forwarder

            name, ticket, port = arguments[1:]
            asyncio.run(serve_forwarder(name, ticket, int(port), Path(SOCKET_FILE)))
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0
