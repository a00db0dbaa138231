"""All probes: text and severity. What runs stands in `inside` and `testimony`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_sandbox.verify.catalogue.filesystem import CREDENTIALS, FILESYSTEM
from openclaw_sandbox.verify.catalogue.machine import HOST_INTERFACE, PRIVILEGE, PROCESS, RESOURCE
from openclaw_sandbox.verify.catalogue.network import NETWORK
from openclaw_sandbox.verify.catalogue.syscalls import SYSCALL

if TYPE_CHECKING:
    from openclaw_sandbox.verify.model import Probe

PROBES: tuple[Probe, ...] = (
    *FILESYSTEM,
    *HOST_INTERFACE,
    *PROCESS,
    *PRIVILEGE,
    *CREDENTIALS,
    *NETWORK,
    *SYSCALL,
    *RESOURCE,
)
BY_ID = {probe.id: probe for probe in PROBES}
