"""Damaged machines: each damage is named, with what mends it, and nothing else is blamed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from openclaw_sandbox.doctor import checks
from openclaw_sandbox.doctor.checks import KNOWN, areas_of, examine, nearest
from openclaw_sandbox.doctor.facts import ContainerFacts, Facts, Inside, Kernel, StateFacts
from openclaw_sandbox.doctor.model import Area, Status, scores
from openclaw_sandbox.engine.base import ContainerState, Observed
from openclaw_sandbox.errors import ConfigError, EngineDeadError, Issue
from openclaw_sandbox.policy.model import Finding, Severity
from openclaw_sandbox.policy.resolve import survey
from tests.fake_host import FakeHost, config_of
from tests.unit.doctor.machines import (
    GIB,
    IMAGE,
    ROOTLESS_V1,
    SPACE,
    VERSION,
    engine,
    image,
    machine,
    policies,
)


@pytest.fixture(autouse=True)
def no_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "package_of", lambda _name: None)


def bad(facts: Facts) -> dict[str, Status]:
    """What is not well, apart from the two things that no machine has by default."""
    usual = {"config.practice-runtime"}
    found = {f.id: f.status for f in examine(facts) if f.status in (Status.WARN, Status.FAIL)}
    return {name: status for name, status in found.items() if name not in usual}


def test_a_healthy_machine() -> None:
    assert bad(machine()) == {}
    assert {score.area: score.percent for score in scores(examine(machine()))}[Area.ENGINE] == 100


def test_every_id_begins_with_its_area_and_is_unique() -> None:
    found = examine(machine())
    assert all(finding.area in Area for finding in found)
    assert len({finding.id for finding in found}) == len(found)


def observed(name: str, **host: Any) -> Observed:
    hard = {
        "CapDrop": ["ALL"],
        "Memory": 1,
        "PidsLimit": 1,
        "ReadonlyRootfs": True,
        "SecurityOpt": ["no-new-privileges", "seccomp={}"],
        "NetworkMode": "none",
        "IpcMode": "private",
    }
    return Observed(
        id=name,
        name=name,
        image="i",
        image_id="",
        labels={},
        state=ContainerState.RUNNING,
        created_at_ms=0,
        raw={"HostConfig": {**hard, **host}},
    )


DEAD = EngineDeadError("Nobody answers behind /var/run/docker.sock.", hint="sudo systemctl start docker")
OLD_RUNC = {
    **VERSION,
    "Components": [
        {"Name": "containerd", "Version": "v2.3.2"},
        {"Name": "runc", "Version": "1.1.11"},
    ],
}


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"image": image(found=None)}, {"image.present": Status.FAIL}),
        (
            {"image": image(age_days=90, why_rebuild="the recipe has changed")},
            {"image.age": Status.WARN, "image.recipe": Status.WARN},
        ),
        (
            {
                "state": StateFacts(folder="/s", registry_problem="The registry is damaged."),
                "containers": None,
            },
            {"state.registry": Status.FAIL},
        ),
        ({"engine": engine(space=replace(SPACE, free_bytes=GIB // 4))}, {"engine.disk": Status.FAIL}),
        ({"engine": engine(space=replace(SPACE, free_bytes=GIB))}, {"engine.disk": Status.WARN}),
        ({"engine": engine(space=replace(SPACE, free_inodes=1))}, {"engine.inodes": Status.FAIL}),
        ({"engine": engine(bridge_link=False)}, {"engine.bridge": Status.FAIL}),
        ({"containers": ContainerFacts(impostors=("web",))}, {"containers.impostors": Status.FAIL}),
        (
            {"containers": ContainerFacts(foreign=(("a", "/other"),), half_made=("b",), orphans=("c",))},
            {
                "containers.foreign": Status.WARN,
                "containers.half-made": Status.WARN,
                "containers.orphans": Status.WARN,
            },
        ),
        (
            {
                "state": StateFacts(
                    folder="/s", workspace_problems=(("main", "It belongs to root.", "chown"),)
                )
            },
            {"state.workspace": Status.FAIL},
        ),
        (
            {"engine": engine(ROOTLESS_V1)},
            {
                "engine.limits": Status.FAIL,
                "engine.cgroup": Status.WARN,
                "engine.security": Status.WARN,
                "config.enforced": Status.FAIL,  # every policy has limits
            },
        ),
        ({"engine": engine(version=OLD_RUNC)}, {"components.runc": Status.FAIL}),
        ({"engine": engine(listens=("tcp://0.0.0.0:2375",))}, {"engine.tcp": Status.FAIL}),
        ({"engine": engine(listens=("tcp://0.0.0.0:2376",), tls=True)}, {"engine.tcp": Status.WARN}),
        ({"engine": engine(group=("ann", "bob"))}, {"engine.group": Status.WARN}),
        (
            {"kernel": Kernel(release="6.6.1", build="", settings={"kernel.dmesg_restrict": "0"})},
            {"kernel.version": Status.WARN, "kernel.settings": Status.WARN},
        ),
        ({"kernel": Kernel(release="5.15.10", build="", settings={})}, {"kernel.version": Status.FAIL}),
        ({"config_error": ConfigError("openclaw.json: no JSON5.")}, {"config.valid": Status.FAIL}),
        (
            {"policies": policies(mode="non-main")},
            {"config.mode": Status.WARN},
        ),
        (
            {"policies": policies(mode="off")},
            {"config.mode": Status.WARN, "config.exec-host": Status.WARN},
        ),
        ({"gateway_problems": ("/s/egress/log",)}, {"state.gateway": Status.WARN}),
        ({"monitors": ()}, {"config.practice-watched": Status.WARN}),
        (
            {"image": image(inside=Inside(user=1000, setuid_files=("/bin/su",), packages={"bash": "5.2-1"}))},
            {"image.setuid": Status.WARN, "image.updates": Status.WARN},
        ),
        ({"image": image(found=replace(IMAGE, user=""))}, {"image.user": Status.WARN}),
        ({"image": image(scanner="trivy", scan={"HIGH": 2, "LOW": 9})}, {"image.scan": Status.WARN}),
        (
            {"containers": ContainerFacts(running=(observed("a", Privileged=True, Memory=0),))},
            {"containers.cis-5.5": Status.FAIL, "containers.cis-5.11": Status.FAIL},
        ),
        (
            {"containers": ContainerFacts(drifted=(("a", "its config changed"),))},
            {"containers.drift": Status.WARN},
        ),
    ],
)
def test_a_damage_is_named_and_nothing_else(changes: dict[str, Any], wanted: dict[str, Status]) -> None:
    assert bad(machine(**changes)) == wanted


def test_a_dead_engine_is_the_one_failure() -> None:
    dead = replace(engine(), info=None, error=DEAD)
    facts = machine(engine=dead, image=None, containers=None)
    assert bad(facts) == {"engine.reachable": Status.FAIL}
    found = examine(facts, ("engine.",))[0]
    assert (found.message, found.fix) == (DEAD.brief, DEAD.hint)


@pytest.mark.parametrize("area", list(Area))
def test_only_narrows(area: Area) -> None:
    found = examine(machine(), only=(f"{area.value}.",))
    assert {finding.area for finding in found} <= {area}


@pytest.mark.parametrize(
    ("only", "wanted"),
    [
        ((), frozenset(Area)),
        (("engine.",), {Area.ENGINE}),
        (("image.age", "state"), {Area.IMAGE, Area.STATE}),
        (("con",), {Area.CONFIG, Area.CONTAINERS}),
        (("nothing",), frozenset()),
    ],
)
def test_the_areas_of_a_question(only: tuple[str, ...], wanted: set[Area]) -> None:
    assert areas_of(only) == wanted


def test_what_fails_or_warns_says_what_to_do() -> None:
    damaged = machine(
        engine=engine(
            ROOTLESS_V1, OLD_RUNC, listens=("tcp://0.0.0.0:2375",), bridge_link=False, group=("ann",)
        ),
        image=image(found=None),
        containers=ContainerFacts(impostors=("a",), foreign=(("b", "c"),), half_made=("d",), orphans=("e",)),
        state=StateFacts(folder="/s", registry_problem="It is damaged."),
        policies=policies(mode="off", docker={"capDrop": [], "network": "bridge", "readOnlyRoot": False}),
        monitors=(),
    )
    silent = [
        finding.id
        for finding in examine(damaged)
        if finding.status in (Status.WARN, Status.FAIL) and not finding.fix
    ]
    assert silent == []


@pytest.mark.parametrize(
    ("host", "number"),
    [
        ({"CapDrop": []}, "5.4"),
        ({"Mounts": [{"Source": "/var/run/docker.sock"}]}, "5.6"),
        ({"Binds": ["/etc:/x"]}, "5.6"),
        ({"NetworkMode": "host"}, "5.10"),
        ({"NetworkMode": "container:abc"}, "5.10"),
        ({"ReadonlyRootfs": False}, "5.13"),
        ({"PortBindings": {"80/tcp": [{"HostIp": "0.0.0.0"}]}}, "5.14"),
        ({"RestartPolicy": {"Name": "always"}}, "5.15"),
        ({"PidMode": "host"}, "5.16"),
        ({"IpcMode": "host"}, "5.17"),
        ({"DeviceCgroupRules": ["b *:* rwm"]}, "5.18"),
        ({"Mounts": [{"Source": "/d", "BindOptions": {"Propagation": "rshared"}}]}, "5.20"),
        ({"UTSMode": "host"}, "5.21"),
        ({"SecurityOpt": ["no-new-privileges", "seccomp=unconfined"]}, "5.22"),
        ({"SecurityOpt": ["seccomp={}"]}, "5.26"),
        ({"PidsLimit": 0}, "5.29"),
        ({"UsernsMode": "host"}, "5.31"),
    ],
)
def test_the_benchmarks_rules(host: dict[str, Any], number: str) -> None:
    facts = machine(containers=ContainerFacts(running=(observed("octest", **host),)))
    assert bad(facts) == {f"containers.cis-{number}": Status.FAIL}


# ---- ids


def test_every_practice_has_an_id_of_its_own() -> None:
    weak = policies(docker={"user": "0:0", "readOnlyRoot": False, "capDrop": [], "network": "bridge"})
    found = [f for f in examine(machine(policies=weak, monitors=())) if f.id.startswith("config.practice-")]
    assert len({finding.id for finding in found}) == len(found) == 8
    broken = {finding.id.rpartition("practice-")[2] for finding in found if finding.status is Status.WARN}
    assert broken >= {"user", "read-only", "capabilities", "network", "limits", "watched", "runtime"}


def posture(facts: Facts) -> str:
    return next(finding.message for finding in examine(facts) if finding.id == "config.posture")


def test_the_posture_counts_ten() -> None:
    scanned = image(scanner="trivy", scan={"LOW": 1})
    assert posture(machine(image=scanned)) == "Posture: 9 of 10 best practices, 90 %."
    assert posture(machine()) == "Posture: 8 of 10 best practices, 80 %."
    assert posture(machine(image=None)) == "Posture: 7 of 8 best practices, 88 %."


@pytest.mark.parametrize(
    "word",
    ["containers.cis-5.4", "config.weak.", "config.weak.root-user", "components.runsc", "engine.steady"],
)
def test_a_check_with_nothing_to_say_says_so_when_asked(word: str) -> None:
    (found,) = examine(machine(), only=(word,))
    assert (found.id, found.status) == (word.rstrip("."), Status.OK)


@pytest.mark.parametrize("word", ["containers.cis-5.4", "engine.api", "image.age", "components.runc"])
def test_a_check_that_could_not_look_is_no_ok(word: str) -> None:
    dead = replace(engine(), info=None, error=DEAD)
    (found,) = examine(machine(engine=dead, image=None, containers=None), only=(word,))
    assert (found.id, found.status) == (word, Status.SKIP)


def test_every_id_is_known() -> None:
    weak = policies(docker={"user": "0:0", "readOnlyRoot": False, "capDrop": []})
    machines = (
        machine(),
        machine(policies=weak, monitors=(), gvisor="runsc", broke_off=("why",)),
        machine(engine=engine(ROOTLESS_V1), refused_agents=(("a", "b"),), gateway_problems=()),
    )
    shown = {finding.id for facts in machines for finding in examine(facts)}
    families = tuple(known for known in KNOWN if known.endswith("."))
    assert {name for name in shown - set(KNOWN) if not name.startswith(families)} == set()


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("engine.reachabel", "engine.reachable"),
        ("containers.cis-5.44", "containers.cis-5.4"),
        ("confg.", "config."),
        ("xyzzy", ""),
    ],
)
def test_the_nearest_id(word: str, near: str) -> None:
    assert examine(machine(), only=(word,)) == ()
    assert nearest(word) == near


# ---- what explain says is said


def told(code: str) -> Finding:
    return Finding(code=code, severity=Severity.WARNING, message=f"about {code}", hint="do it")


def test_what_only_the_machine_knows_of_a_policy_is_told() -> None:
    codes = ("seccomp.unusable", "network.missing", "engine.unenforced", "image.missing")
    facts = machine(observed={"main": tuple(map(told, codes))})
    assert bad(facts) == {"config.seccomp.unusable": Status.WARN, "config.network.missing": Status.WARN}
    elsewhere = replace(facts, image=image(reference="another:1"))
    assert "config.image.missing" in bad(elsewhere)


def test_an_agent_whose_config_is_refused_is_not_passed_over() -> None:
    facts = machine(refused_agents=(("work", "its key is of nobody"),))
    assert bad(facts) == {"config.agent": Status.FAIL}


def test_what_run_refuses_is_a_failure() -> None:
    config = config_of({"agents": {"defaults": {"sandbox": {"mode": "all", "docker": {"network": "host"}}}}})
    refused = survey(config, session=None, agent=None, host=FakeHost())
    found = bad(machine(policies=(refused,)))
    assert found["config.network.host"] is Status.FAIL


def test_the_places_of_mistakes_are_told() -> None:
    issue = Issue(path="agents.list", message="is no list", file="openclaw.json", line=3, column=7)
    error = ConfigError("openclaw.json cannot be used.", issues=[issue])
    found = examine(machine(config_error=error), only=("config.valid",))[0]
    assert found.details == ("openclaw.json:3:7: agents.list: is no list",)


def test_an_engine_that_breaks_off_is_named() -> None:
    facts = machine(broke_off=("The engine does not answer.",), image=None, containers=None)
    assert bad(facts) == {"engine.steady": Status.FAIL}


@pytest.mark.parametrize(("user", "status"), [("", Status.FAIL), ("0", Status.FAIL), ("1000", Status.OK)])
def test_a_browser_that_runs_as_root(user: str, status: Status) -> None:
    browser = replace(observed("browser"), raw={"Config": {"User": user}})
    facts = machine(containers=ContainerFacts(browsers=(browser,)))
    assert examine(facts, only=("containers.browser",))[0].status is status


def test_gvisor_is_looked_at_where_the_engine_has_it() -> None:
    facts = machine(gvisor="runsc version release-20240101.0")
    assert bad(facts) == {"components.runsc": Status.WARN}


def test_whose_it_is_is_said_where_there_are_several() -> None:
    (one,) = policies(docker={"readOnlyRoot": False})
    alone = examine(machine(policies=(one,)), only=("config.practice-read-only",))[0]
    assert (alone.message, alone.details) == ("The root can be written to.", ())
    both = examine(machine(policies=(one, *policies())), only=("config.practice-read-only",))[0]
    assert both.details == ("agents: main",)
