"""What the daemon's process and its disk allow, from recorded files of /proc."""

from __future__ import annotations

import pytest

from openclaw_sandbox.engine.docker.daemon import parse_limits, parse_project_quota

LIMITS = """\
Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max open files            1024                 20000                files
Max processes             96000                96000                processes
"""
MOUNTS = """\
22 1 253:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
30 22 253:2 / /var/lib/docker rw,relatime shared:2 - xfs /dev/vdb rw,attr2,inode64,prjquota
31 22 253:3 / /srv rw,relatime - xfs /dev/vdc rw,attr2,noquota
32 30 0:40 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw,lowerdir=/a,upperdir=/b
33 22 253:4 / /old rw - xfs /dev/vdd rw,pquota
34 33 253:5 / /old rw - ext4 /dev/vde rw
"""


def test_hard_limits() -> None:
    assert parse_limits(LIMITS) == {"nofile": 20000, "nproc": 96000}


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("/var/lib/docker", True),
        ("/var/lib/docker/overlay2", True),
        ("/var/lib/dockers", False),
        ("/srv", False),
        ("/", False),
        ("/old", False),  # what is mounted last covers
    ],
)
def test_project_quota(folder: str, expected: bool) -> None:
    assert parse_project_quota(MOUNTS, folder) is expected
