"""What every test directory shares: the engine marker, names for what tests make, the check for leftovers.

OPENCLAW_SANDBOX_REQUIRE_ENGINE=1 makes a missing engine an error. Without it, tests that need an engine are
deselected on a machine that has none, and pytest says how many.
"""

from __future__ import annotations

import os
import re
import secrets
import signal
import socket
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# A busy machine is not a failure. `scripts/soak properties` asks for the second profile.
_patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("project", _patient)
settings.register_profile("soak", _patient, max_examples=10_000)
settings.load_profile("project")

#: Everything a test makes on an engine is called octest-... What `octest_name` names also carries the run it
#: belongs to, so that two runs on one engine do not take each other's things for leftovers.
PREFIX = "octest-"
_RUN_VARIABLE = "OPENCLAW_SANDBOX_TEST_RUN"
_OF_SOME_RUN = re.compile(rf"{PREFIX}r([0-9a-f]{{6}})-")

_before = pytest.StashKey[frozenset[str]]()
_leftovers = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    # In the environment, so that the workers of one parallel run share it.
    os.environ.setdefault(_RUN_VARIABLE, secrets.token_hex(3))
    # A script's background job starts with SIGINT ignored, one of nohup with SIGHUP, and hands that on to
    # every program under test.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_sessionstart(session: pytest.Session) -> None:
    # With `-n`, the workers collect and the controller looks for leftovers.
    controls_workers = session.config.getoption("numprocesses", None) and not _is_worker(session.config)
    if controls_workers and _why_no_engine() is None:
        session.config.stash[_before] = _named_octest()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanting = [item for item in items if item.get_closest_marker("engine")]
    if not wanting:
        return
    reason = _why_no_engine()
    if reason is None:
        config.stash[_before] = _named_octest()
    elif os.environ.get("OPENCLAW_SANDBOX_REQUIRE_ENGINE") == "1":
        raise pytest.UsageError(f"OPENCLAW_SANDBOX_REQUIRE_ENGINE=1, and no engine answers: {reason}")
    else:
        config.hook.pytest_deselected(items=wanting)
        items[:] = [item for item in items if not item.get_closest_marker("engine")]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    before = session.config.stash.get(_before, None)
    if before is None or _is_worker(session.config):
        return
    left = sorted(name for name in _named_octest() - before if _ours(name))
    session.config.stash[_leftovers] = left
    if left and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    left = config.stash.get(_leftovers, [])
    if left:
        terminalreporter.section("left behind on the engine", sep="=", red=True)
        for name in left:
            terminalreporter.line(name)


@pytest.fixture(autouse=True)
def signals_as_they_were() -> Iterator[None]:
    """The command line, run in this process, leaves handlers behind with which a second SIGINT exits."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def octest_name() -> Callable[[str], str]:
    """Gives a name for something on the engine that no other test and no other run has."""

    def name(what: str) -> str:
        return f"{PREFIX}r{os.environ[_RUN_VARIABLE]}-{what}-{secrets.token_hex(3)}"

    return name


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _ours(name: str) -> bool:
    """Whether a leftover can be this run's: it says so, or does not say whose it is."""
    run = _OF_SOME_RUN.search(name)
    return run is None or run.group(1) == os.environ[_RUN_VARIABLE]


def _why_no_engine() -> str | None:
    """Asked over a plain socket: the SDK leaves one open when nobody answers."""
    address = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    if not address.startswith("unix://"):
        return f"the tests need an engine on this machine, and DOCKER_HOST is {address}"
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(30)
            connection.connect(address.removeprefix("unix://"))
            connection.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            answer = connection.recv(64)
    except OSError as error:
        return f"{address}: {error}"
    return None if b" 200 " in answer else f"{address} answered {answer!r}"


def _named_octest() -> frozenset[str]:
    """Containers, networks, volumes and image tags of tests, as "kind name"."""
    import docker

    client = docker.from_env(timeout=30)
    try:
        found = [
            f"container {name[1:]}" for c in client.api.containers(all=True) for name in c["Names"] or ()
        ]
        found += [f"network {network['Name']}" for network in client.api.networks()]
        found += [f"volume {volume['Name']}" for volume in client.api.volumes()["Volumes"] or ()]
        found += [f"image {tag}" for image in client.api.images() for tag in image["RepoTags"] or ()]
    finally:
        client.close()
    return frozenset(name for name in found if name.split(" ", 1)[1].startswith(PREFIX))
