"""The shipped AppArmor profile is one: Debian's parser compiles it, also where the kernel has no AppArmor."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from openclaw_sandbox.spec.data import data_path

#: Root's; not in everybody's PATH.
PARSER = Path("/usr/sbin/apparmor_parser")


def _parse(path: Path) -> subprocess.CompletedProcess[str]:
    assert PARSER.exists(), "apparmor_parser is missing: apt-get install apparmor"
    argv = [str(PARSER), "--skip-kernel-load", "--skip-cache", "--abort-on-error", str(path)]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


def test_the_profile_is_parsed() -> None:
    done = _parse(data_path("apparmor/openclaw-sandbox"))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("line", ["deny nonsense here,", "capability no_such_capability,"])
def test_the_parser_would_notice(line: str, tmp_path: Path) -> None:
    text = data_path("apparmor/openclaw-sandbox").read_text()
    broken = tmp_path / "broken"
    broken.write_text(text.replace("  deny mount,", f"  {line}"))
    assert _parse(broken).returncode != 0
