"""`explain` against a real engine: what it says of a missing image, and of a container that is there."""

from __future__ import annotations

import io
import json
import os
import tarfile
from typing import TYPE_CHECKING

import docker
import pytest

from openclaw_sandbox.cli.app import run_cli
from openclaw_sandbox.config.load import load_config
from openclaw_sandbox.engine import open_engine
from openclaw_sandbox.engine.docker.quick import has_image, has_network
from openclaw_sandbox.lifecycle.ensure import draw_blueprint
from openclaw_sandbox.policy.host import RealHost
from openclaw_sandbox.policy.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.engine


@pytest.fixture
def image(octest_name: Callable[[str], str]) -> Iterator[str]:
    """An image with nothing in it: enough for a container that is only looked at."""
    empty = io.BytesIO()
    tarfile.open(fileobj=empty, mode="w").close()
    client = docker.from_env(timeout=60)
    name = octest_name("empty")
    try:
        client.api.import_image_from_data(empty.getvalue(), repository=name, tag="1")
        yield f"{name}:1"
        client.images.remove(f"{name}:1", force=True)
    finally:
        client.close()


@pytest.fixture
def config(
    image: str, tmp_path: Path, octest_name: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> Path:
    for name in [name for name in os.environ if name.startswith(("OPENCLAW", "CLAWDBOT"))]:
        if "TEST" not in name:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / ".openclaw" / "openclaw.json"
    file.parent.mkdir()
    docker_block = {"image": image, "containerPrefix": octest_name("live") + "-", "memory": "64m"}
    file.write_text(json.dumps({"agents": {"defaults": {"sandbox": {"docker": docker_block}}}}))
    return file


@pytest.fixture
def container(config: Path) -> Iterator[str]:
    """The policy's container, made and never started."""
    loaded = load_config(env=os.environ, cwd=config.parent)
    policy = resolve(loaded, session=None, agent=None, host=RealHost())
    engine = open_engine(os.environ)
    blueprint = draw_blueprint(policy, engine, now_ms=0)
    made, _ = engine.create(blueprint.spec, labels=blueprint.labels)
    yield policy.container_name
    engine.remove(made, force=True)


def test_no_container_yet(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["explain", "--live"]) == 0
    assert "There is no container" in capsys.readouterr().out
    assert run_cli(["explain", "--live", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["state"], answer["agrees"], answer["fields"]) == ("missing", None, [])


def test_the_container_agrees_until_the_config_changes(
    container: str, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["explain", "--live"]) == 0
    assert capsys.readouterr().out.startswith(f"Agrees: {container}")
    config.write_text(config.read_text().replace("64m", "96m"))
    assert run_cli(["explain", "--live"]) == 1
    page = capsys.readouterr().out
    assert page.startswith(f"Differs: {container}")
    assert "memory" in page
    assert run_cli(["explain", "--live", "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    differing = {field["field"] for field in answer["fields"] if not field["agrees"]}
    assert differing == {"memory", "memory_swap"}


def test_another_folders_container_is_not_said_to_be_replaced(
    container: str,
    config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "openclaw.json").write_text(config.read_text().replace("64m", "96m"))
    monkeypatch.setenv("OPENCLAW_STATE_DIR", str(other))
    monkeypatch.delenv("OPENCLAW_CONFIG_PATH", raising=False)
    assert run_cli(["explain", "--live"]) == 1
    page = capsys.readouterr().out
    assert f"The container {container} belongs to another state folder" in page
    assert "containerPrefix" in page
    assert "replaces it" not in page


def test_a_missing_image_is_a_warning(config: Path, image: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["explain"]) == 0
    assert "Not runnable now" not in capsys.readouterr().out
    config.write_text(config.read_text().replace(image, "octest-nothing:here"))
    assert run_cli(["explain"]) == 0
    page = capsys.readouterr().out
    assert "Not runnable now: The image octest-nothing:here is not on this machine." in page
    assert "correct docker.image in the config" in page


def test_has_image(image: str) -> None:
    assert has_image(os.environ, image, patience_s=5) is True
    assert has_image(os.environ, "octest-nothing:here", patience_s=5) is False
    assert has_image({"DOCKER_HOST": "tcp://192.0.2.1:1"}, image, patience_s=5) is None


def test_has_network() -> None:
    assert has_network(os.environ, "bridge", patience_s=5) is True
    assert has_network(os.environ, "octest-nothing", patience_s=5) is False
    assert has_network({"DOCKER_HOST": "tcp://192.0.2.1:1"}, "bridge", patience_s=5) is None
