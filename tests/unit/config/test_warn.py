"""What is valid and still said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.config.conftest import Home


def warned(home: Home, text: str) -> list[tuple[str, int]]:
    """Code and line of each warning."""
    found = []
    for warning in home.load(text).warnings:
        assert warning.origin
        location = warning.origin.location()
        assert location
        found.append((warning.code, location.line))
    return found


def test_a_key_that_is_given_twice(home: Home) -> None:
    home.write("{\n a: 1,\n a: 2}", "more.json")
    assert warned(home, "{x: {$include: 'more.json'},\n tools: {},\n\n tools: {deny: ['exec']}}") == [
        ("config.duplicate-key", 4),
        ("config.duplicate-key", 3),
    ]
    loaded = home.load()
    assert loaded.data["tools"] == {"deny": ["exec"]}
    assert loaded.warnings[0].message == "tools is given twice in one object; the last one counts"
    assert loaded.warnings[1].origin
    assert loaded.warnings[1].origin.file == str(home.state / "more.json")


def test_two_agents_with_one_id(home: Home) -> None:
    text = "{agents: {list: [\n{id: 'Work'},\n{id: 'x'},\n{id: ' work '}]}}"
    assert warned(home, text) == [("config.duplicate-agent", 4)]
    assert home.load().warnings[0].message == (
        'agent "work" is listed twice: agents.list.0 counts, agents.list.2 is ignored'
    )


def test_two_default_agents(home: Home) -> None:
    agents = "[\n{id: 'a', default: true},\n{id: 'b', default: false},\n{id: 'c',\n default: true}]"
    assert warned(home, f"{{agents: {{list: {agents}}}}}") == [("config.several-defaults", 5)]


def test_several_keyed_agents_without_ownership(home: Home) -> None:
    assert warned(home, "{agents: {\nentries: {a: {}, b: {}}}}") == [("config.ownership", 2)]
    assert warned(home, "{agents: {entries: {a: {}, b: {}}, ownership: 'explicit'}}") == []
    assert warned(home, "{agents: {entries: {a: {}}}}") == []


@pytest.mark.parametrize(("key", "count"), [("'x'", 1), ("''", 0), ("' main '", 0)])
def test_the_main_key_is_always_main(home: Home, key: str, count: int) -> None:
    assert warned(home, f"{{session: {{mainKey: {key}}}}}") == [("config.main-key-ignored", 1)] * count
    assert home.load().data == {"session": {"mainKey": "main"}}


def test_the_gateways_old_token(home: Home) -> None:
    assert warned(home, "{gateway: {token: 'x'}}") == [("config.gateway-token-ignored", 1)]


def test_nothing_to_say(home: Home) -> None:
    assert warned(home, "{agents: {list: [{id: 'a', default: true}, {id: 'b'}]}, session: {}}") == []
