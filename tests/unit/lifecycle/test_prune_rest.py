"""What else is cleared away: networks, volumes, images that were replaced, workspaces of nobody."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.engine.base import ImageInfo
from openclaw_sandbox.engine.images import Belonging
from openclaw_sandbox.lifecycle import intents
from openclaw_sandbox.lifecycle.prune import Doing
from openclaw_sandbox.lifecycle.prune_rest import old_images, prune_belongings, prune_images
from openclaw_sandbox.lifecycle.prune_workspaces import UnknownSessionsError, prune_workspaces
from openclaw_sandbox.lifecycle.registry import Kind
from openclaw_sandbox.policy.naming import slug
from openclaw_sandbox.spec import labels
from openclaw_sandbox.spec.build import state_hash
from tests.unit.lifecycle.sandboxes import House, config, entry_for

if TYPE_CHECKING:
    from pathlib import Path

NAME = "openclaw-sbx-agent-main-f331f052"
HOUR, DAY = 3_600_000, 86_400_000
NOW = 100 * DAY


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


class Images:
    """An image store that remembers what was removed."""

    def __init__(self, *, images: list[ImageInfo] = [], things: list[Belonging] = []) -> None:  # noqa: B006  never changed
        self.images, self.things = images, things
        self.gone: list[str] = []
        self.kept = ""

    def labelled(self, label: str) -> list[ImageInfo]:
        return [image for image in self.images if label in image.labels]

    def belongings(self, label: str) -> list[Belonging]:
        key, _, value = label.partition("=")
        return [thing for thing in self.things if thing.labels.get(key) == value]

    def remove(self, reference: str) -> str:
        if not self.kept:
            self.gone.append(reference)
        return self.kept

    def remove_belonging(self, thing: Belonging) -> str:
        return self.remove(thing.name)


def belonging(house: House, name: str, **said: str) -> Belonging:
    mine = {labels.STATE: state_hash(str(house.state_dir))}
    return Belonging(kind="network", id=name, name=name, labels={**mine, **said})


def test_networks_and_volumes(house: House) -> None:
    house.ensure()
    living = intents.declare(house.state_dir, "x")
    store = Images(
        things=[
            belonging(house, "of-a-sandbox", **{labels.SESSION_KEY: "agent:main"}),
            belonging(house, "of-nobody", **{labels.SESSION_KEY: "agent:gone"}),
            belonging(house, "being-made", **{labels.OWNER: living.owner}),
            belonging(house, "half-made", **{labels.OWNER: "0" * 16}),
            belonging(house, "for-all"),
            belonging(house, "not-ours", **{labels.STATE: "another"}),
        ]
    )
    would = prune_belongings(house.fleet(), store, dry_run=True)
    assert ([step.name for step in would], store.gone) == (["of-nobody", "half-made"], [])
    prune_belongings(house.fleet(), store, dry_run=False)
    assert store.gone == ["of-nobody", "half-made"]
    store.kept = "it is in use"
    (step, *_) = prune_belongings(house.fleet(), store, dry_run=False)
    assert (step.doing, step.reason) == (Doing.KEEP, "it is in use")


def image(name: str, *, tags: tuple[str, ...] = (), base: str = "", role: str = "image") -> ImageInfo:
    said = {labels.RECIPE: "r", labels.ROLE: role, labels.BASE_DIGEST: base}
    return ImageInfo(
        id=name,
        tags=tags,
        digests=(),
        size_bytes=10,
        created_at="then",
        architecture="amd64",
        user="",
        labels=said,
    )


def test_images_that_were_replaced() -> None:
    ours = [
        image("old-base"),
        image("old", base="old-base"),
        image("now-base"),
        image("now", tags=("openclaw-sandbox:bookworm-slim",), base="now-base"),
        image("used"),
        image("building", role="build"),
    ]
    assert [found.id for found in old_images(ours, {"used"})] == ["old", "old-base"]
    assert old_images([], set()) == []


def test_images_on_the_engine(house: House) -> None:
    house.ensure()
    used_id = house.engine.named(NAME).image_id
    store = Images(images=[image("old"), image(used_id)])
    assert [step.size_bytes for step in prune_images(house.fleet(), store, dry_run=True)] == [10]
    assert store.gone == []
    prune_images(house.fleet(), store, dry_run=False)
    assert store.gone == ["old"]


# ---- workspaces


def folders(house: House) -> list[str]:
    root = house.state_dir / "sandboxes"
    return sorted(path.name for path in root.iterdir()) if root.exists() else []


def workspace(house: House, key: str) -> Path:
    folder = house.state_dir / "sandboxes" / slug(key)
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "file").write_bytes(b"x" * 5000)
    return folder


def gone(house: House, *, dry_run: bool = False) -> list[str]:
    steps = prune_workspaces(house.fleet(), dry_run=dry_run)
    return [step.name.rpartition("/")[2] for step in steps if step.doing is Doing.REMOVE]


def test_workspaces_of_sessions_that_nobody_knows(house: House) -> None:
    house.ensure()
    lost = workspace(house, "agent:main:gone")
    stays = folders(house)[0]
    for name in ("notes", "Work-12345678", "workspace-" + "0" * 32, "x-1234567"):
        (lost.parent / name).mkdir()
    (lost.parent / "file-12345678").write_text("no folder")
    (lost.parent / "link-12345678").symlink_to(lost.parent / "notes")
    (step,) = [s for s in prune_workspaces(house.fleet(), dry_run=True) if s.doing is Doing.REMOVE]
    assert step.name == str(lost)
    assert step.size_bytes is not None
    assert step.size_bytes >= 5000
    assert lost.exists()
    assert gone(house) == [lost.name]
    assert sorted(folders(house)) == sorted(
        [
            stays,
            "notes",
            "Work-12345678",
            "workspace-" + "0" * 32,
            "x-1234567",
            "file-12345678",
            "link-12345678",
        ]
    )


@pytest.mark.parametrize(
    "known",
    ["registered", "configured agent", "main session", "stored session", "container", "store elsewhere"],
)
def test_workspaces_of_sessions_that_somebody_knows(house: House, known: str, tmp_path: Path) -> None:
    key = "agent:work:main" if known == "main session" else "agent:work:chat"
    if known == "registered":
        theirs = house.add_theirs("x", key=key)
        house.registry.remember(Kind.CONTAINER, [entry_for(theirs)])
        house.engine.containers.clear()
    elif known == "configured agent":
        key = "agent:work"
        house.data = config({"id": "main"}, {"id": "work"})
    elif known == "main session":
        (house.state_dir / "agents" / "work").mkdir(parents=True)
    elif known == "stored session":
        store = house.state_dir / "agents" / "work" / "sessions" / "sessions.json"
        store.parent.mkdir(parents=True)
        store.write_text(json.dumps({key: {}}))
    elif known == "store elsewhere":
        house.data = {**config({"id": "work"}), "session": {"store": f"{tmp_path}/{{agentId}}.json"}}
        (tmp_path / "work.json").write_text(json.dumps({key: {}}))
    else:
        house.add_theirs("x", key=key)
    folder = workspace(house, key)
    assert gone(house) == []
    assert (folder / "deep" / "file").exists()


def test_not_what_a_container_mounts(house: House) -> None:
    from openclaw_sandbox.engine.base import ObservedMount

    folder = workspace(house, "agent:main:gone")
    mount = ObservedMount(kind="bind", source=f"{folder}/deep", destination="/x", read_only=True)
    house.engine.add("anybody", labels={}, mounts=(mount,))
    assert gone(house) == []


def test_not_in_a_shared_workspace(tmp_path: Path) -> None:
    house = House(tmp_path, config(scope="shared"))
    folder = workspace(house, "agent:main:gone")
    (step,) = prune_workspaces(house.fleet(), dry_run=False)
    assert (step.doing, step.name) == (Doing.KEEP, str(folder))
    assert folder.exists()


@pytest.mark.parametrize("content", ["{", "[1,", "\xff"])
def test_not_when_the_sessions_cannot_be_read(house: House, content: str) -> None:
    store = house.state_dir / "agents" / "work" / "sessions" / "sessions.json"
    store.parent.mkdir(parents=True)
    store.write_text(content, encoding="latin-1")
    folder = workspace(house, "agent:main:gone")
    with pytest.raises(UnknownSessionsError, match=r"sessions\.json cannot be read"):
        gone(house)
    assert folder.exists()


def test_what_a_killed_prune_left(house: House) -> None:
    left = house.state_dir / "sandboxes" / (".pruned-" + "0" * 16)
    left.mkdir(parents=True)
    assert gone(house) == [left.name]
    assert folders(house) == []


def test_links_out_of_a_workspace_are_not_followed(house: House, tmp_path: Path) -> None:
    folder = workspace(house, "agent:main:gone")
    treasure = tmp_path / "treasure"
    treasure.mkdir()
    (treasure / "gold").write_text("gold")
    (folder / "link").symlink_to(treasure)
    assert gone(house) == [folder.name]
    assert (treasure / "gold").read_text() == "gold"


def test_a_workspace_that_cannot_be_removed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = workspace(house, "agent:main:gone")

    def denied(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("openclaw_sandbox.lifecycle.prune_workspaces.shutil.rmtree", denied)
    (step,) = prune_workspaces(house.fleet(), dry_run=False)
    assert step.error is not None
    assert f"{folder} cannot be removed: Permission denied" in step.error.brief
