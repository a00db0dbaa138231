from __future__ import annotations

from openclaw_sandbox.config.origin import Origin, OriginKind, dotted
from openclaw_sandbox.policy import layers
from openclaw_sandbox.policy.layers import Layer
from openclaw_sandbox.policy.model import Candidate


def _layer(name: str, values: dict[str, object], **more: object) -> Layer:
    def origin(path: tuple[str | int, ...]) -> Origin:
        return Origin(kind=OriginKind.FILE, key=f"{name}:{dotted(path)}")

    return Layer(values=values, origin=origin, **more)  # type: ignore[arg-type]  # a test's shorthand


_BUILT_IN = Layer(values={"docker": {"env": {"LANG": "C"}, "image": "base"}}, built_in=True)


def test_the_last_layer_wins_and_the_losers_stay_visible() -> None:
    lower, upper = _layer("d", {"docker": {"image": "a"}}), _layer("a", {"docker": {"image": "b"}})
    outcome = layers.replace("docker.image", [_BUILT_IN, lower, upper])
    assert outcome is not None
    leaf = outcome.leaves["docker.image"]
    assert (leaf.value, leaf.origin.key) == ("b", "a:docker.image")
    assert [candidate.value for candidate in leaf.overridden] == ["base", "a"]


def test_falsy_values_are_values_and_null_is_silence() -> None:
    layer = _layer("a", {"docker": {"capDrop": [], "image": None}})
    assert layers.replace("docker.capDrop", [layer]) is not None
    assert layers.replace("docker.image", [layer]) is None


def test_a_layer_that_does_not_count_is_shown_with_its_reason() -> None:
    ignored = _layer("a", {"docker": {"image": "b"}}, ignored={"docker": "scope is shared"})
    outcome = layers.replace("docker.image", [_BUILT_IN, ignored])
    assert outcome is not None
    leaf = outcome.leaves["docker.image"]
    assert leaf.value == "base"
    assert leaf.overridden[0].why_lost == "scope is shared"
    assert layers.replace("docker.image", [ignored]) is None


def test_maps_are_overlaid_and_each_entry_keeps_its_origin() -> None:
    lower = _layer("d", {"docker": {"env": {"A": "1", "B": "1"}}})
    upper = _layer("a", {"docker": {"env": {"B": "2"}}})
    outcome = layers.merge_keys("docker.env", [_BUILT_IN, lower, upper])
    assert outcome is not None
    assert outcome.value == {"A": "1", "B": "2"}  # the built-in LANG gives way to the lowest file layer
    assert outcome.leaves["docker.env.B"].origin.key == "a:docker.env.B"
    assert outcome.leaves["docker.env.B"].overridden[0].value == "1"


def test_the_built_in_map_stays_under_an_agents_own() -> None:
    upper = _layer("a", {"docker": {"env": {"B": "2"}}})
    outcome = layers.merge_keys("docker.env", [_BUILT_IN, _layer("d", {}), upper])
    assert outcome is not None
    assert outcome.value == {"LANG": "C", "B": "2"}
    assert layers.merge_keys("docker.ulimits", [_BUILT_IN]) is None


def test_lists_are_joined_lowest_first() -> None:
    lower, upper = _layer("d", {"docker": {"binds": ["x"]}}), _layer("a", {"docker": {"binds": ["y", "x"]}})
    outcome = layers.append("docker.binds", [_BUILT_IN, lower, upper])
    assert outcome is not None
    assert outcome.value == ["x", "y", "x"]
    assert outcome.leaves["docker.binds.1"].origin.key == "a:docker.binds.0"
    assert layers.append("docker.binds", [_BUILT_IN]) is None


def test_the_smallest_limit_wins_whoever_set_it() -> None:
    low, high = Origin(kind=OriginKind.FILE, key="low"), Origin(kind=OriginKind.FLAG, key="high")
    found = layers.smallest("timeout", [Candidate(origin=low, value=5.0), Candidate(origin=high, value=9.0)])
    assert found is not None
    assert (found.value, found.origin) == (5.0, low)
    assert found.overridden[0].why_lost
    assert layers.smallest("timeout", []) is None
