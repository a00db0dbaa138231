"""What `--internal` leaves open."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.engine.base import NetworkInfo
from openclaw_sandbox.errors import SpecRefusedError
from openclaw_sandbox.lifecycle.internal_network import INHIBIT, close_internal
from tests.specs import FULL

if TYPE_CHECKING:
    from collections.abc import Mapping

OWN = replace(FULL, network="mine", dns=())


def engine_with(found: NetworkInfo | None) -> Any:
    """An engine with one network, or none; nothing else may be asked of it."""
    return SimpleNamespace(networks=SimpleNamespace(find=lambda _name: found))


def network(*, internal: bool, options: Mapping[str, str] | None = None) -> Any:
    return engine_with(
        NetworkInfo(id="1", name="mine", internal=internal, subnets=(), labels={}, options=options or {})
    )


@pytest.mark.parametrize("name", ["none", "bridge", "host", "container:abc"])
def test_networks_that_docker_has_anyway(name: str) -> None:
    spec = replace(OWN, network=name)
    assert close_internal(spec, engine_with(None)) == (spec, ())


def test_no_such_network() -> None:
    with pytest.raises(SpecRefusedError, match='no network "mine"'):
        close_internal(OWN, engine_with(None))


def test_one_with_a_way_out_is_as_it_is() -> None:
    assert close_internal(OWN, network(internal=False)) == (OWN, ())


def test_an_internal_one_asks_nobody_for_names() -> None:
    spec, said = close_internal(OWN, network(internal=True, options={INHIBIT: "true"}))
    assert (spec.dns, spec.dns_options, said) == (("127.0.0.1",), ("timeout:1", "attempts:1"), ())


def test_a_resolver_that_was_named_is_kept() -> None:
    spec, _ = close_internal(replace(OWN, dns=("10.0.0.53",)), network(internal=True))
    assert spec.dns == ("10.0.0.53",)


def test_the_hosts_own_addresses_are_said() -> None:
    _, said = close_internal(OWN, network(internal=True))
    assert INHIBIT in said[0]
