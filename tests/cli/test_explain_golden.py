"""`explain` on broken setups: the whole page is pinned, and problem and fix stand in the first screen.

OPENCLAW_SANDBOX_UPDATE_GOLDEN=1 writes the pages anew; read the difference before committing it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.cli.app import run_cli
from tests.cli.explain_setups import SETUPS, install

if TYPE_CHECKING:
    from collections.abc import Iterator

GOLDEN = Path(__file__).parent / "golden"
FIRST_SCREEN = 24
UPDATE = os.environ.get("OPENCLAW_SANDBOX_UPDATE_GOLDEN") == "1"
_PLACEHOLDER = "/tmp/octest-________"  # as long as the real one: the length decides where lines break


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="octest-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def plain_surroundings(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("OPENCLAW", "CLAWDBOT"))]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("SANDBOX_IMAGE", raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("openclaw_sandbox.cli.engine_view.engine_findings", lambda _policy: ())


@pytest.mark.parametrize("name", SETUPS)
def test_page(name: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    setup = SETUPS[name]
    install(setup, home)
    status = run_cli(["explain", *setup.args])
    captured = capsys.readouterr()
    page = f"exit status {status}\n{captured.out}{captured.err}".replace(str(home), _PLACEHOLDER)
    assert status == setup.exit_status
    first_screen = "\n".join(page.splitlines()[:FIRST_SCREEN])
    flat = " ".join(first_screen.split())
    assert setup.named in flat
    assert setup.fix in flat
    if setup.hidden:
        assert setup.hidden not in page
    golden = GOLDEN / f"{name}.txt"
    if UPDATE:
        golden.write_text(page, encoding="utf-8")
    assert page == golden.read_text(encoding="utf-8")


def test_no_page_without_a_setup() -> None:
    assert {file.stem for file in GOLDEN.glob("*.txt")} == set(SETUPS)
