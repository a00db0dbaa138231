"""The registry's entries and the engine's containers, brought together; and which of them a user means."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.engine.base import ContainerState, ObservedMount
from openclaw_sandbox.errors import UsageError
from openclaw_sandbox.lifecycle import intents
from openclaw_sandbox.lifecycle.filters import fits, parse_filters
from openclaw_sandbox.lifecycle.judge import Match
from openclaw_sandbox.lifecycle.registry import Entry, Kind
from openclaw_sandbox.lifecycle.select import Selector, select, selector
from openclaw_sandbox.lifecycle.stock import Item, Role, State
from openclaw_sandbox.spec import labels
from tests.unit.lifecycle.sandboxes import House, config, entry_for

if TYPE_CHECKING:
    from pathlib import Path

NAME = "openclaw-sbx-agent-main-f331f052"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def items(house: House, kind: Kind = Kind.CONTAINER) -> list[Item]:
    return house.fleet().items(kind)


def only(house: House, kind: Kind = Kind.CONTAINER) -> Item:
    (item,) = items(house, kind)
    return item


def state_of(house: House, state: ContainerState) -> None:
    for key, container in house.engine.containers.items():
        house.engine.containers[key] = replace(container, state=state)


# ---- how each stands


def test_one_list_call_for_all(tmp_path: Path) -> None:
    house = House(tmp_path, config(scope="session"))
    for number in range(5):
        house.ensure(f"agent:main:{number}")
    house.engine.calls.clear()
    fleet = house.fleet()
    found = fleet.items(Kind.CONTAINER) + fleet.items(Kind.BROWSER)
    assert [fleet.verdict(item).match for item in found] == [Match.MATCHES] * 5
    assert house.engine.calls == ["list", "image"]


@pytest.mark.parametrize(
    ("engine_state", "state", "running"),
    [
        (ContainerState.RUNNING, State.RUNNING, True),
        (ContainerState.EXITED, State.STOPPED, False),
        (ContainerState.CREATED, State.STOPPED, False),
        (ContainerState.PAUSED, State.STOPPED, False),
        (ContainerState.DEAD, State.STOPPED, False),
    ],
)
def test_registered(house: House, engine_state: ContainerState, state: State, *, running: bool) -> None:
    house.ensure()
    state_of(house, engine_state)
    item = only(house)
    assert (item.state, item.running, item.role, item.ours) == (state, running, Role.SANDBOX, True)
    assert (item.scope_key, item.agent_id, item.name) == ("agent:main", "main", NAME)


def test_missing(house: House) -> None:
    house.ensure()
    house.engine.containers.clear()
    item = only(house)
    assert (item.state, item.running, item.observed) == (State.MISSING, False, None)
    assert (item.scope_key, item.created_at_ms) == ("agent:main", 1)


def test_orphan(house: House) -> None:
    house.ensure()
    house.registry.forget(Kind.CONTAINER, house.entries)
    item = only(house)
    assert (item.state, item.running, item.last_used_at_ms) == (State.ORPHAN, True, None)


def test_of_another_state_folder(house: House, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    house.ensure()
    other = House(tmp_path / "other", engine=house.engine)
    item = only(other)
    assert (item.state, item.ours, item.state_dir) == (State.FOREIGN, False, str(house.state_dir))


def test_an_entry_does_not_claim_another_state_folders_container(house: House, tmp_path: Path) -> None:
    """Same name, same session, same hash even: the label decides."""
    (tmp_path / "other").mkdir()
    house.ensure()
    other = House(tmp_path / "other", engine=house.engine)
    other.registry.remember(Kind.CONTAINER, house.entries)
    assert [item.state for item in items(other)] == [State.MISSING, State.FOREIGN]


def test_one_of_openclaw(house: House) -> None:
    theirs = house.add_theirs(NAME)
    assert only(house).state is State.FOREIGN, "nobody knows whose it is"
    house.registry.remember(Kind.CONTAINER, [entry_for(theirs)])
    assert only(house).state is State.RUNNING
    house.registry.remember(Kind.CONTAINER, [entry_for(theirs, config_hash="of another one")])
    assert [item.state for item in items(house)] == [State.MISSING, State.FOREIGN]


def test_one_of_openclaw_that_mounts_our_folders(house: House) -> None:
    inside = f"{house.state_dir}/sandboxes/agent-main-f331f052"
    mount = ObservedMount(kind="bind", source=inside, destination="/workspace", read_only=False)
    house.add_theirs(NAME, mounts=(mount,))
    assert only(house).state is State.ORPHAN
    beside = replace(mount, source=f"{house.state_dir}2/sandboxes/x")
    house.engine.containers.clear()
    house.add_theirs(NAME, mounts=(beside,))
    assert only(house).state is State.FOREIGN


@pytest.mark.parametrize("said", [{}, {labels.SANDBOX: "0"}, {"openclaw.sandboxes": "1"}, {"openclaw": "1"}])
def test_without_the_label_it_is_nobodys(house: House, said: dict[str, str]) -> None:
    house.engine.add(NAME, labels=said)
    assert items(house) == []
    entry = entry_for(house.add_theirs("x"), container_name=NAME)
    house.registry.remember(Kind.CONTAINER, [entry])
    assert [(i.name, i.state) for i in items(house)] == [(NAME, State.MISSING), ("x", State.FOREIGN)]


def test_browsers_are_listed_apart(house: House) -> None:
    browser = house.add_theirs("openclaw-sbx-browser-x", labels={labels.BROWSER: "1"})
    house.registry.remember(Kind.BROWSER, [entry_for(browser)])
    assert items(house) == []
    item = only(house, Kind.BROWSER)
    assert (item.state, item.role) == (State.RUNNING, Role.BROWSER)


@pytest.mark.parametrize("backend", ["ssh", "podman", "openshell"])
def test_another_backend_keeps_it(house: House, backend: str) -> None:
    entry = entry_for(house.add_theirs("x"), container_name=NAME)
    house.engine.containers.clear()
    house.registry.remember(Kind.CONTAINER, [replace(entry, raw={"backendId": backend})])
    item = only(house)
    assert (item.state, item.ours) == (State.ELSEWHERE, False)


def own(house: House, what: str, *, owner: str = "00000000deadbeef", **values: Any) -> Item:
    """A container of this tool that is not the one of its scope."""
    blueprint = house.blueprint()
    said = {**blueprint.spec.labels, **blueprint.labels, labels.OWNER: owner}
    house.engine.add(f"{NAME}-{what}-01234567", labels=said, **values)
    return only(house)


@pytest.mark.parametrize(("what", "role"), [("run", Role.COMMAND), ("setup", Role.SETUP)])
def test_half_made(house: House, what: str, role: Role) -> None:
    intent = intents.declare(house.state_dir, "x")
    item = own(house, what, owner=intent.owner)
    assert (item.state, item.role) == (State.RUNNING, role)
    intent.release()
    assert only(house).state is State.HALF_MADE


def test_a_job_outlives_its_maker(house: House) -> None:
    assert own(house, "job").state is State.RUNNING
    state_of(house, ContainerState.EXITED)
    assert only(house).state is State.STOPPED
    state_of(house, ContainerState.CREATED)
    assert only(house).state is State.HALF_MADE


def test_a_retired_one(house: House) -> None:
    item = own(house, "old")
    assert (item.role, item.state) == (Role.RETIRED, State.RUNNING)


def test_a_name_alone_makes_nothing_half_made(house: House) -> None:
    theirs = house.add_theirs("openclaw-sbx-a-run-01234567")
    house.registry.remember(Kind.CONTAINER, [entry_for(theirs)])
    assert (only(house).state, only(house).role) == (State.RUNNING, Role.SANDBOX)


def test_one_that_is_being_made_is_no_orphan(house: House) -> None:
    house.ensure()
    house.registry.forget(Kind.CONTAINER, house.entries)
    owner = house.engine.named(NAME).labels[labels.OWNER]
    intent = intents.declare(house.state_dir, NAME, owner=owner)
    assert only(house).state is State.RUNNING
    intent.done()
    assert only(house).state is State.ORPHAN


# ---- how each compares with the config


@pytest.mark.parametrize(
    ("change", "match", "words"),
    [
        ({}, Match.MATCHES, ""),
        ({"docker": {"memory": "99m"}}, Match.DRIFTED, "limits"),
        ({"docker": {"env": {"A": "b"}}}, Match.DRIFTED, "environment"),
        ({"docker": {"containerPrefix": "x-"}}, Match.UNUSED, "its name would be x-agent-main-f331f052 now"),
        ({"scope": "session"}, Match.UNUSED, "scope of agent main is session now"),
        ({"scope": "shared"}, Match.UNUSED, "scope of agent main is shared now"),
        ({"docker": {"network": "host"}}, Match.UNKNOWN, "the config of agent main is refused"),
        ({"docker": {"image": "other:1"}}, Match.UNKNOWN, "other:1 is not on this machine"),
    ],
)
def test_verdicts(house: House, change: dict[str, Any], match: Match, words: str) -> None:
    house.ensure()
    house.data = config(**change)
    verdict = house.fleet().verdict(only(house))
    assert verdict.match is match
    assert words in verdict.reason


def test_an_image_is_compared_by_its_id(house: House) -> None:
    house.ensure()
    image = "openclaw-sandbox:bookworm-slim"
    house.engine.has_image(image, "sha256:" + "2" * 64)
    verdict = house.fleet().verdict(only(house))
    assert (verdict.match, verdict.parts, verdict.image_match) == (Match.DRIFTED, ("image",), False)
    assert verdict.config_match is True


def test_a_container_of_openclaw_matches_by_its_hash(house: House) -> None:
    hash_ = house.policy().config_hash
    theirs = house.add_theirs(NAME, labels={labels.CONFIG_HASH: hash_})
    house.registry.remember(Kind.CONTAINER, [entry_for(theirs)])
    verdict = house.fleet().verdict(only(house))
    assert (verdict.match, verdict.config_match, verdict.image_match) == (Match.DRIFTED, True, True)
    assert "made by OpenClaw" in verdict.reason


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("agent:nobody", "no agent nobody"),
        ("agent:main:workspace:e6f1a7ff9fd7d00661be6722be2464bd", "newer OpenClaw"),
        ("", "no session key"),
        ("shared", "no agent has the scope shared"),
    ],
)
def test_what_cannot_be_compared_says_why(house: House, key: str, words: str) -> None:
    theirs = house.add_theirs("x", key=key)
    house.registry.remember(Kind.CONTAINER, [entry_for(theirs)])
    assert words in house.fleet().verdict(only(house)).reason


# ---- which are meant


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, "Say which"),
        ({"everything": True, "drifted": True}, "Choose only one"),
        ({"session": "a", "agent": "b"}, "Choose only one"),
        ({"session": " "}, "--session must not be blank"),
        ({"agent": ""}, "--agent must not be blank"),
    ],
)
def test_exactly_one_choice(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        selector(**{"everything": False, "session": None, "agent": None, **asked})


@pytest.fixture
def sessions(tmp_path: Path) -> House:
    """Two agents, whose sessions have a sandbox each."""
    house = House(tmp_path, config({"id": "main"}, {"id": "work"}, scope="session"))
    for key in ("agent:main:main", "agent:main:telegram:group:-100123", "agent:work:main", "agent:work:chat"):
        house.ensure(key)
    return house


def chosen(house: House, **asked: Any) -> list[str]:
    fleet = house.fleet()
    return [i.scope_key for i in select(fleet.items(Kind.CONTAINER), Selector(**asked), fleet)]


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("agent:main:main", ["agent:main:main"]),
        ("main", ["agent:main:main"]),
        (" main ", ["agent:main:main"]),
        ("telegram:group:-100123", ["agent:main:telegram:group:-100123"]),
        ("group:-100123", ["agent:main:telegram:group:-100123"]),
        ("chat", ["agent:work:chat"]),
        ("agent:work:chat", ["agent:work:chat"]),
        ("nonsense", []),
        ("agent:main:nonsense", []),
        ("ain", []),
        ("100123", []),
    ],
)
def test_by_session(sessions: House, text: str, keys: list[str]) -> None:
    assert chosen(sessions, session=text) == keys


def test_a_short_name_that_fits_several(sessions: House) -> None:
    sessions.ensure("agent:work:x:chat")
    with pytest.raises(UsageError, match="fits several") as caught:
        chosen(sessions, session="chat")
    assert "agent:work:chat, agent:work:x:chat" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("main", ["agent:main"]),
        ("agent:main:main", ["agent:main"]),
        ("agent:main:any", ["agent:main"]),
        ("any", []),
    ],
)
def test_by_session_where_sessions_share_one(house: House, text: str, keys: list[str]) -> None:
    house.ensure()
    assert chosen(house, session=text) == keys


@pytest.mark.parametrize(
    ("agent", "count"), [("work", 2), ("WORK", 2), (" work ", 2), ("wor", 0), ("nobody", 0)]
)
def test_by_agent(sessions: House, agent: str, count: int) -> None:
    keys = chosen(sessions, agent=agent)
    assert len(keys) == count
    assert all(key.startswith("agent:work:") for key in keys)


def test_drifted(sessions: House) -> None:
    assert chosen(sessions, drifted=True) == []
    work = {"id": "work", "sandbox": {"docker": {"memory": "99m"}}}
    sessions.data = config({"id": "main"}, work, scope="session")
    assert chosen(sessions, drifted=True) == ["agent:work:main", "agent:work:chat"]


def test_everything_but_what_is_not_ours_or_there_for_one_command(house: House, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    House(tmp_path / "other", config(docker={"containerPrefix": "o-"}), house.engine).ensure()
    house.ensure()
    blueprint = house.blueprint()
    said = {**blueprint.spec.labels, **blueprint.labels}
    for what in ("job", "old", "run"):
        house.engine.add(f"{NAME}-{what}-01234567", labels=said)
    fleet = house.fleet()
    found = select(fleet.items(Kind.CONTAINER), Selector(everything=True), fleet)
    assert [(i.name, i.state) for i in found] == [
        (NAME, State.RUNNING),
        (f"{NAME}-run-01234567", State.HALF_MADE),
    ]


# ---- filters


@pytest.mark.parametrize(
    ("texts", "keys"),
    [
        ([], 4),
        (["agent=work"], 2),
        (["agent=work", "agent=main"], 4),
        (["agent=work", "session=chat"], 1),
        (["status=running"], 4),
        (["state=stopped"], 0),
        (["drift=none"], 4),
        (["drift=drifted", "drift=unknown"], 0),
        (["name=openclaw-sbx-agent-work"], 2),
        (["image=bookworm"], 4),
        (["role=sandbox"], 4),
        (["role=job"], 0),
    ],
)
def test_filters(sessions: House, texts: list[str], keys: int) -> None:
    fleet, filters = sessions.fleet(), parse_filters(texts)
    assert len([i for i in fleet.items(Kind.CONTAINER) if fits(i, filters, fleet.verdict)]) == keys


@pytest.mark.parametrize("text", ["", "state", "state=", "=x", "colour=red", "drift=some", "state=Running"])
def test_filters_that_fit_nothing_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_filters([text])


def test_an_entry_alone_says_what_it_knows() -> None:
    entry = Entry(container_name="x", session_key="k", created_at_ms=5, last_used_at_ms=6, image="i")
    item = Item(name="x", kind=Kind.CONTAINER, role=Role.SANDBOX, state=State.MISSING, entry=entry)
    assert (item.scope_key, item.image, item.created_at_ms, item.last_used_at_ms) == ("k", "i", 5, 6)
    assert (item.agent_id, item.agent_hint, item.state_dir) == ("main", "", "")
