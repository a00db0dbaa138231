"""Versions, floors and what is said of distributions' builds."""

from __future__ import annotations

import gzip
from datetime import date
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.doctor.components import (
    Component,
    Package,
    check_components,
    check_gvisor,
    check_kernel,
    is_distribution_build,
    judge_component,
    kernel_version,
)
from openclaw_sandbox.doctor.debian import is_older, parse_packages
from openclaw_sandbox.doctor.floors import Floor, floors, is_fixed, newest, numbers
from openclaw_sandbox.doctor.model import Status
from openclaw_sandbox.doctor.packages import changelog_of

if TYPE_CHECKING:
    from pathlib import Path

TABLE = floors()
AS_OF, RUNC = TABLE.as_of, TABLE.runc
ALL_CHANGES = " ".join(floor.cve for floor in RUNC)


def hole(*fixed: str, since: str = "") -> Floor:
    return Floor(cve="CVE-1", fixed=fixed, what="a hole", only_if="always", since=since)


@pytest.mark.parametrize(
    ("version", "wanted"),
    [
        ("1.1.5+ds1-1+deb12u1", (1, 1, 5)),
        ("v2.3.2", (2, 3, 2)),
        ("20.10.24+dfsg1", (20, 10, 24)),
        ("1.0.0-rc95", (1, 0, 0)),
        ("7.0", (7, 0)),
        ("", ()),
        ("unknown", ()),
    ],
)
def test_numbers(version: str, wanted: tuple[int, ...]) -> None:
    assert numbers(version) == wanted


@pytest.mark.parametrize(
    ("version", "fixed"),
    [
        ("1.1.12", True),
        ("1.1.11", False),
        ("1.2.0", True),
        ("1.0.9", False),
    ],
)
def test_one_branch(version: str, fixed: bool) -> None:
    assert is_fixed(version, hole("1.1.12")) is fixed


@pytest.mark.parametrize(
    ("version", "fixed"),
    [
        ("1.2.7", False),
        ("1.2.8", True),
        ("1.3.2", False),
        ("1.3.3", True),
        ("1.1.99", False),
        ("1.4.0", True),
        ("1.4.0-rc.2", False),
        ("1.4.0-rc.3", True),
        ("1.4.0-rc.10", True),
        ("1.4.0-beta.9", False),
        ("2.0.0", True),
    ],
)
def test_a_branch_that_got_no_fix_is_not_saved_by_its_number(version: str, fixed: bool) -> None:
    assert is_fixed(version, hole("1.2.8", "1.3.3", "1.4.0-rc.3")) is fixed


@pytest.mark.parametrize(
    ("version", "fixed"),
    [("1.0.0~rc93+ds1-5", False), ("1.0.0~rc95+ds1-1", True), ("1.0.0-rc95", True), ("1.0.0", True)],
)
def test_release_candidates_have_an_order(version: str, fixed: bool) -> None:
    assert is_fixed(version, hole("1.0.0-rc95")) is fixed


@pytest.mark.parametrize(("version", "fixed"), [("2.0.9", True), ("2.1.0", False), ("2.1.1", True)])
def test_a_version_from_before_the_hole_does_not_have_it(version: str, fixed: bool) -> None:
    assert is_fixed(version, hole("2.1.1", since="2.1.0")) is fixed


def test_a_kernel_from_before_a_hole_is_not_blamed_for_it() -> None:
    found = check_kernel("5.4.300", "", filtered=False)
    assert not any("CVE-2022-0847" in line for line in found.details)


def test_the_version_to_install_is_a_release() -> None:
    assert newest([hole("1.2.8", "1.5.0-rc.3"), hole("1.4.3")]) == "1.5.0"


def test_an_upstream_build_below_the_floor_fails_and_names_the_version_to_install() -> None:
    found = judge_component(Component(name="runc", version="1.1.11"), RUNC)
    assert found.status is Status.FAIL
    assert found.fix == "Update runc to 1.5.0 or newer."
    assert any("CVE-2024-21626" in line and "matters only if" in line for line in found.details)


def test_a_current_build_is_well() -> None:
    assert judge_component(Component(name="runc", version="1.5.0"), RUNC).status is Status.OK


@pytest.mark.parametrize(
    ("changelog", "status"),
    [(ALL_CHANGES, Status.OK), ("CVE-2024-21626", Status.WARN), ("", Status.WARN), (None, Status.WARN)],
)
def test_a_distributions_build_never_fails(changelog: str | None, status: Status) -> None:
    package = Package(name="runc", version="1.1.5+ds1-1+deb12u1", changelog=changelog)
    found = judge_component(Component(name="runc", version="1.1.5", package=package), RUNC)
    assert found.status is status
    words = " ".join((found.message, *found.details))
    assert "vulnerable" not in words
    if changelog == "CVE-2024-21626":
        assert "CVE-2024-21626" not in words
        assert "its changelog does not mention it" in words
    if changelog is None:
        assert "cannot be told" in words


def test_a_distributions_build_is_known_by_its_suffix() -> None:
    assert is_distribution_build("20.10.24+dfsg1")
    assert is_distribution_build("1.6.20~ds1-1+deb12u3")
    assert is_distribution_build("24.0.7-0ubuntu2")
    assert not is_distribution_build("29.5.1")
    assert not is_distribution_build("v1.5.0-0-gabc")


def test_a_component_without_a_package_but_with_a_suffix_only_warns() -> None:
    found = {
        f.id: f
        for f in check_components(
            {"docker": "20.10.24+dfsg1", "containerd": "v2.3.2"}, lambda _name: None, today=AS_OF
        )
    }
    assert found["components.docker"].status is Status.WARN
    assert found["components.containerd"].status is Status.OK
    assert found["components.runc"].status is Status.SKIP


@pytest.mark.parametrize(("today", "status"), [(AS_OF, Status.OK), (date(2027, 12, 1), Status.WARN)])
def test_an_old_table_says_so(today: date, status: Status) -> None:
    found = list(check_components({}, lambda _name: None, today=today))
    assert found[-1].status is status


def test_every_floor_has_versions_and_says_whom_it_concerns() -> None:
    for floor in (*RUNC, *TABLE.containerd, *TABLE.docker, *TABLE.kernel):
        assert floor.fixed
        assert all(numbers(version) for version in floor.fixed)
        assert sorted(floor.fixed, key=numbers) == list(floor.fixed)
        assert is_fixed(floor.fixed[-1], floor)
        assert not floor.since or numbers(floor.since) <= numbers(floor.fixed[0])
        assert floor.what
        assert floor.only_if


# ---- kernels


@pytest.mark.parametrize(
    ("release", "build", "wanted"),
    [
        ("6.18.44-fc-v669", "#1 SMP", "6.18.44"),
        ("6.1.0-13-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.55-1 (2023-09-29)", "6.1.55"),
        ("6.1.0-13-amd64", "#1 SMP", None),
        ("5.15.0-91-generic", "#101-Ubuntu SMP", None),
        ("5.14.0-427.el9.x86_64", "#1 SMP", None),
        ("5.14.21-150500.55.39-default", "#1 SMP", None),
        ("6.8.4-2-pve", "#1 SMP", None),
        ("5.15.153.1-microsoft-standard-WSL2", "#1 SMP", None),
        ("7.1", "", "7.1"),
        ("odd", "", None),
    ],
)
def test_the_upstream_version_behind_a_release(release: str, build: str, wanted: str | None) -> None:
    assert kernel_version(release, build) == wanted


@pytest.mark.parametrize(
    ("release", "filtered", "status"),
    [
        ("7.1.0", False, Status.OK),
        ("6.18.44", False, Status.OK),
        ("6.6.1", True, Status.WARN),  # all that is left needs what the profile refuses
        ("6.6.1", False, Status.FAIL),
        ("5.15.10", True, Status.FAIL),  # one needs nothing but splice
        ("6.1.0-13-amd64", True, Status.SKIP),
    ],
)
def test_kernels(release: str, filtered: bool, status: Status) -> None:
    assert check_kernel(release, "", filtered=filtered).status is status


def test_what_the_profile_refuses_is_said_beside_each_hole() -> None:
    found = check_kernel("5.4.10", "", filtered=True)
    lines = {line.partition(":")[0]: line for line in found.details}
    assert lines["CVE-2020-14386"].endswith("the profile refuses af_packet")
    assert lines["CVE-2026-43500"].endswith("the profile refuses af_rxrpc")


# ---- gVisor


@pytest.mark.parametrize(
    ("said", "today", "status"),
    [
        ("runsc version release-20260928.0", date(2026, 11, 22), Status.OK),
        ("runsc version release-20260921.0", date(2026, 9, 25), Status.WARN),  # before the fix
        ("runsc version release-20261005.0\nspec: 1.1.0", date(2027, 2, 1), Status.WARN),  # old
        ("runsc version VERSION_MISSING", date(2026, 11, 22), Status.SKIP),
        ("runsc version release-20269999.0", date(2026, 11, 22), Status.SKIP),
    ],
)
def test_gvisor_is_judged_by_its_day(said: str, today: date, status: Status) -> None:
    assert check_gvisor(said, today=today).status is status


# ---- the package behind a program


def test_a_package_that_is_merely_installed_does_not_excuse_an_upstream_build() -> None:
    """docker.io lies there, and dockerd is another one."""
    package = Package(name="docker.io", version="20.10.24+dfsg1-1+deb12u1", changelog="")
    found = {f.id: f for f in check_components({"docker": "24.0.5"}, lambda _name: package, today=AS_OF)}
    assert found["components.docker"].status is Status.FAIL
    found = {f.id: f for f in check_components({"docker": "20.10.24+dfsg1"}, lambda _: package, today=AS_OF)}
    assert found["components.docker"].status is Status.WARN


# ---- Debian's order


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("1.0-1", "1.0-2"),
        ("1.0~rc1-1", "1.0-1"),
        ("1.9-1", "1.10-1"),
        ("1.0-1", "1:0.1-1"),
        ("5.2-2", "5.2-2+deb12u1"),
        ("1.0a-1", "1.0+b-1"),
        ("2.36-9+deb12u9", "2.36-9+deb12u10"),
        ("1.0", "1.0-1"),
    ],
)
def test_order(older: str, newer: str) -> None:
    assert is_older(older, newer)
    assert not is_older(newer, older)
    assert not is_older(older, older)


def test_the_newest_of_a_package_counts() -> None:
    lines = [
        "Package: bash",
        "Version: 5.2-2",
        "",
        "Package: bash",
        "Version: 5.2-10",
        "Version: 9",
        "Package:",
    ]
    assert parse_packages(lines) == {"bash": "5.2-10"}
    assert parse_packages(["garbage", "Version: 1"]) == {}


def test_a_package_that_was_removed_is_not_there() -> None:
    lines = ["Package: docker.io", "Status: deinstall ok config-files", "Version: 20.10", ""]
    assert parse_packages([*lines, "Package: runc", "Status: install ok installed", "Version: 1.1"]) == {
        "runc": "1.1"
    }


def test_changelogs(tmp_path: Path) -> None:
    folder = tmp_path / "runc"
    folder.mkdir()
    assert changelog_of("runc", tmp_path) is None
    (folder / "changelog.Debian.gz").write_bytes(gzip.compress(b"* CVE-2024-21626"))
    assert changelog_of("runc", tmp_path) == "* CVE-2024-21626"
    (folder / "changelog.Debian.gz").write_bytes(b"no gzip")
    assert changelog_of("runc", tmp_path) is None
