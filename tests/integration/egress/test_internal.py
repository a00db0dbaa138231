"""A network of the operator's own, made with --internal: the holes that Docker leaves there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from docker.types import IPAMConfig, IPAMPool

from tests.integration.egress.world import WAYS_OUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docker import APIClient

    from tests.integration.sandbox import Sandbox

pytestmark = pytest.mark.engine

GATEWAY = "10.231.213.1"


def pool() -> IPAMConfig:
    return IPAMConfig(pool_configs=[IPAMPool(subnet="10.231.213.0/28", gateway=GATEWAY)])


@pytest.fixture(params=[True, False], ids=["inhibited", "plain"])
def internal(
    request: pytest.FixtureRequest, api: APIClient, octest_name: Callable[[str], str]
) -> Iterator[tuple[str, bool]]:
    name = octest_name("internal")
    options = {"com.docker.network.bridge.inhibit_ipv4": "true"} if request.param else {}
    api.create_network(name, internal=True, options=options, ipam=pool())
    yield name, request.param
    api.remove_network(name)


def test_it_leads_nowhere(sandbox: Sandbox, internal: tuple[str, bool]) -> None:
    name, inhibited = internal
    sandbox.configure(docker={"network": name})
    ways = [
        *(("tcp", host, 80) for host in ("169.254.169.254", "192.0.2.1", *((GATEWAY,) if inhibited else ()))),
        ("name", "nowhere.test", 80),
    ]
    done = sandbox.run("python3", "-c", WAYS_OUT, json.dumps(ways))
    try:
        assert done.status == 0, done.said
        found = done.document["ways"]
        assert "OPEN" not in found.values()
        assert found["name nowhere.test 80"] == "gaierror"  # and soon: nobody is asked
        assert ("reaches every address of this host" in done.said) is not inhibited
        assert sandbox.inspect()["HostConfig"]["Dns"] == ["127.0.0.1"]
    finally:
        sandbox.remove_all()


def test_a_network_that_is_not_there(sandbox: Sandbox) -> None:
    sandbox.configure(docker={"network": "octest-nowhere"})
    done = sandbox.run("true")
    assert done.status == 125
    assert 'docker.network: there is no network "octest-nowhere"' in done.said
    assert sandbox.containers() == []
