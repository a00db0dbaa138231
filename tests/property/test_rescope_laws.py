"""One agent's policy for another session is what resolving that session gives, for the container."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_sandbox.policy.rescope import for_session, text_of_docker
from openclaw_sandbox.policy.resolve import resolve
from openclaw_sandbox.spec.build import BuildContext, build_spec, spec_hashes
from tests.fake_host import FakeHost, config_of

if TYPE_CHECKING:
    from openclaw_sandbox.policy.host import HostFacts

KEYS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20).map(
    lambda t: f"agent:main:{t}"
)
CONTEXT = BuildContext(user="1000:1000", seccomp_profile="{}", created_at_ms=1)
HOST: HostFacts = FakeHost()


@pytest.mark.parametrize("scope", ["session", "agent", "shared"])
@pytest.mark.parametrize("access", ["none", "ro", "rw"])
@given(key=KEYS)
def test_as_if_it_had_been_resolved(scope: str, access: str, key: str) -> None:
    sandbox: dict[str, Any] = {
        "scope": scope,
        "workspaceAccess": access,
        "docker": {"env": {"B": "1", "a_": "ü"}},
    }
    config = config_of({"agents": {"defaults": {"sandbox": sandbox}}})
    base = resolve(config, session=None, agent=None, host=HOST)
    wanted = resolve(config, session=key, agent=None, host=HOST)
    made = for_session(base, key, docker_text=text_of_docker(base))
    for field in ("session_key", "scope_key", "slug", "container_name", "workspace", "config_hash"):
        assert getattr(made, field) == getattr(wanted, field)
    assert build_spec(made, CONTEXT) == build_spec(wanted, CONTEXT)
    hashes = [spec_hashes(build_spec(policy, CONTEXT), "sha256:1") for policy in (made, wanted)]
    assert hashes[0] == hashes[1]


def test_equal_numbers_are_equal_hashes() -> None:
    policy = resolve(config_of({}), session=None, agent=None, host=HOST)
    whole = replace(build_spec(policy, CONTEXT), cpus=1)
    for order in ((1, 1.0), (2.0, 2)):
        first, second = (spec_hashes(replace(whole, cpus=cpus), "i") for cpus in order)
        assert first == second
