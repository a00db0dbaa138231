"""The tool in a home of its own, where no engine answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tool import Tool

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    return Tool(tmp_path, env={"DOCKER_HOST": f"unix://{tmp_path}/no-engine.sock"})
