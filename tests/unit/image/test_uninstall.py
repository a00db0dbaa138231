"""What goes and what stays."""

from __future__ import annotations

from openclaw_sandbox.engine.base import ContainerState, Observed
from openclaw_sandbox.engine.images import Belonging
from openclaw_sandbox.image.uninstall import Item, Removal, Thing, plan_removal, remove
from tests.unit.image.fakes import FakeStore, image

OURS, THEIRS = "aaaa", "bbbb"
REFERENCE = "openclaw-sandbox:bookworm-slim"


def container(name: str, *, image_id: str = "sha256:1", **labels: str) -> Observed:
    return Observed(
        id=f"id-{name}",
        name=name,
        image=REFERENCE,
        image_id=image_id,
        labels={f"openclaw-sandbox.{key}": value for key, value in labels.items()},
        state=ContainerState.RUNNING,
        created_at_ms=0,
    )


def plan(*containers: Observed, gone: str = "") -> Removal:
    return plan_removal(
        containers=containers,
        images=[image("sha256:1", REFERENCE, role="image"), image("sha256:2", role="build", build="x")],
        belongings=[
            Belonging(kind="network", id="n1", name="net", labels={"openclaw-sandbox.state": OURS}),
            Belonging(kind="volume", id="v1", name="vol", labels={"openclaw-sandbox.state": THEIRS}),
        ],
        state=OURS,
        exists=lambda folder: folder != gone,
    )


def names(items: tuple[Item, ...]) -> list[str]:
    return [item.name for item in items]


def test_our_own_goes_and_what_belongs_to_another_state_folder_stays() -> None:
    removal = plan(container("mine", version="1", state=OURS, stateDir="/home/me"))
    assert names(removal.going) == ["mine", "net", REFERENCE]
    assert names(removal.staying) == ["vol"]
    assert "it belongs to the state folder" in removal.staying[0].kept


def test_a_sandbox_of_another_state_folder_keeps_its_image() -> None:
    removal = plan(container("theirs", version="1", state=THEIRS, stateDir="/home/joe"))
    assert names(removal.going) == ["net"]
    assert {item.name: item.kept for item in removal.staying} == {
        "theirs": "it belongs to the state folder /home/joe",
        "vol": f"it belongs to the state folder {THEIRS}",
        REFERENCE: "the sandbox theirs uses it",
    }


def test_a_sandbox_whose_state_folder_is_gone_belongs_to_nobody() -> None:
    removal = plan(container("check", version="1", state=THEIRS, stateDir="/tmp/gone"), gone="/tmp/gone")
    assert "check" in names(removal.going)


def test_foreign_containers_are_not_listed_and_keep_the_image_they_use() -> None:
    removal = plan(container("gateway's"))
    assert "gateway's" not in names(removal.items)
    assert removal.staying[-1].kept == "the container gateway's uses it"


def test_a_container_that_somebody_else_made_of_our_image_is_not_ours() -> None:
    """It has every label of the image."""
    removal = plan(container("docker-run", role="image", version="1", recipe="sha256:r", suite="bookworm"))
    assert "docker-run" not in names(removal.items)
    assert removal.staying[-1].kept == "the container docker-run uses it"


def test_helpers_and_what_a_build_left_are_ours() -> None:
    removal = plan(container("gateway", role="gateway", version="1"), container("stage", role="build"))
    assert {"gateway", "stage"} <= set(names(removal.going))


def test_an_image_built_on_ours_is_not_ours() -> None:
    removal = plan_removal(
        containers=[],
        images=[image("sha256:3", "registry.example/mine:1", role="image"), image("sha256:4", role="image")],
        belongings=[],
        state=OURS,
        exists=lambda _folder: True,
    )
    assert names(removal.staying) == ["registry.example/mine:1"]
    assert names(removal.going) == ["sha256:4"]


class FakeEngine:
    def __init__(self) -> None:
        self.removed: list[str] = []

    def remove(self, container_id: str, *, force: bool = False) -> bool:
        self.removed.append(container_id)
        return True


def test_removal_says_what_stayed_after_all() -> None:
    store, engine, said = FakeStore(in_use={"sha256:1": "it is used"}), FakeEngine(), []
    store.add(image("sha256:1", REFERENCE, role="image"))
    store.add(image("sha256:2", role="build", build="x"))
    planned = Removal(
        items=(
            Item(thing=Thing.CONTAINER, id="c1", name="mine"),
            Item(thing=Thing.NETWORK, id="n1", name="net"),
            Item(thing=Thing.IMAGE, id="sha256:1", name=REFERENCE),
            Item(thing=Thing.VOLUME, id="v1", name="vol", kept="theirs"),
        )
    )
    done = remove(planned, engine, store, said.append)  # type: ignore[arg-type]  (an engine that only removes)
    assert engine.removed == ["c1"]
    assert [belonging.id for belonging in store.gone] == ["n1"]
    assert done.failed
    assert names(done.going) == ["mine", "net"]
    assert [item.kept for item in said] == ["", "", "it is used"]
    assert "sha256:2" not in store.images, "forgotten stages go too"
