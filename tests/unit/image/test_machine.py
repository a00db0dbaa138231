"""What is read of a machine, and how an engine is installed on it."""

from __future__ import annotations

from pathlib import Path

import pytest
from requests import certs

from openclaw_sandbox.errors import (
    EngineDeadError,
    EngineForbiddenError,
    EngineHangingError,
    UsageError,
    VerbFailedError,
)
from openclaw_sandbox.image.host import Machine, parse_apt_settings, parse_os_release, proxy_settings
from openclaw_sandbox.image.install import (
    HostTraits,
    engine_packages,
    install_engine,
    manual_steps,
    refuse_named_engine,
    start_commands,
)
from openclaw_sandbox.image.mirrors import check_url, parse_release
from openclaw_sandbox.image.progress import Phase, Reporter
from openclaw_sandbox.image.reach import find_ca
from tests.unit.image.fakes import Ears


def machine(distribution: str, *like: str) -> Machine:
    return Machine(
        distribution=distribution,
        like=like,
        suite="",
        name=distribution,
        architecture="amd64",
        sources=(),
        apt_settings=(),
    )


def test_os_release() -> None:
    text = '# comment\nID=debian\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian GNU/Linux 12"\n\nodd line\n'
    assert parse_os_release(text)["PRETTY_NAME"] == "Debian GNU/Linux 12"
    assert parse_os_release("") == {}


def test_only_what_decides_whether_a_mirror_is_reached_is_taken_from_apt() -> None:
    dump = (
        'APT "";\n'
        'Acquire::http::Proxy "http://proxy.example:3128";\n'
        'Acquire::http::Proxy::direct.example "DIRECT";\n'
        'Acquire::http::Proxy-Auto-Detect "/usr/bin/auto";\n'
        'Acquire::https::CaInfo "/etc/ca.pem";\n'
        'Acquire::Languages "none";\n'
        'Acquire::http::User-Agent "";\n'
    )
    assert parse_apt_settings(dump) == (
        ("Acquire::http::Proxy", "http://proxy.example:3128"),
        ("Acquire::http::Proxy::direct.example", "DIRECT"),
        ("Acquire::https::CaInfo", "/etc/ca.pem"),
    )


def test_proxies_of_the_environment() -> None:
    env = {"http_proxy": "http://p", "HTTPS_PROXY": "http://q", "no_proxy": "", "HOME": "/"}
    assert proxy_settings(env) == {"http_proxy": "http://p", "HTTPS_PROXY": "http://q"}


@pytest.mark.parametrize(
    ("traits", "packages"),
    [
        (HostTraits(systemd=True, apparmor=True, cgroups=True, has_dockerd=False), ("docker.io", "apparmor")),
        (HostTraits(systemd=False, apparmor=False, cgroups=True, has_dockerd=False), ("docker.io",)),
        (
            HostTraits(systemd=False, apparmor=False, cgroups=False, has_dockerd=False),
            ("docker.io", "cgroupfs-mount"),
        ),
    ],
)
def test_packages_of_an_engine_that_works_here(traits: HostTraits, packages: tuple[str, ...]) -> None:
    assert engine_packages(traits) == packages


def test_an_engine_is_started_as_the_machine_starts_services() -> None:
    systemd = HostTraits(systemd=True, apparmor=False, cgroups=True, has_dockerd=True)
    assert [command for _, command in start_commands(systemd)] == [("systemctl", "enable", "--now", "docker")]
    plain = HostTraits(systemd=False, apparmor=False, cgroups=False, has_dockerd=True)
    commands = [command[0] for _, command in start_commands(plain)]
    assert commands == ["cgroupfs-mount", "sh"]


def test_elsewhere_the_steps_are_printed() -> None:
    assert manual_steps(machine("fedora"))[0] == "sudo dnf install moby-engine"
    assert manual_steps(machine("rocky", "rhel", "fedora"))[0] == "sudo dnf install moby-engine"
    assert manual_steps(machine("alpine"))[1] == "sudo rc-service docker start"
    assert manual_steps(machine("plan9"))[0].startswith("Install Docker Engine")

    def dead() -> None:
        raise EngineDeadError("dead")

    with pytest.raises(VerbFailedError, match="for Debian and Ubuntu") as caught:
        install_engine(machine("fedora"), ping=dead, report=Reporter(Phase.ENGINE, Ears()))
    assert caught.value.details == manual_steps(machine("fedora"))


def test_a_running_engine_is_left_alone() -> None:
    ears = Ears()
    install_engine(machine("debian"), ping=lambda: None, report=Reporter(Phase.ENGINE, ears))
    assert "nothing to install" in ears.texts("note")[0]


@pytest.mark.parametrize("kind", [EngineForbiddenError, EngineHangingError])
def test_an_engine_that_runs_and_does_not_serve_us_is_not_installed_again(
    kind: type[EngineForbiddenError],
) -> None:
    def ping() -> None:
        raise kind("no")

    with pytest.raises(kind):
        install_engine(machine("debian"), ping=ping, report=Reporter(Phase.ENGINE, Ears()))


@pytest.mark.parametrize("name", ["DOCKER_HOST", "DOCKER_CONTEXT"])
def test_an_engine_elsewhere_is_not_installed_here(name: str) -> None:
    refuse_named_engine({})
    refuse_named_engine({"DOCKER_HOST": "unix:///var/run/docker.sock"})
    with pytest.raises(UsageError, match="another engine"):
        refuse_named_engine({name: "elsewhere"})


def test_urls_of_mirrors() -> None:
    assert check_url("http://m.example/debian/") == "http://m.example/debian"
    for text in ("ftp://m.example", "m.example", "http://", "http:///x", "", "http://a b"):
        with pytest.raises(UsageError):
            check_url(text)
    with pytest.raises(UsageError) as caught:
        check_url("ftp://joe:secret@m.example")
    assert "secret" not in str(caught.value)


def test_the_head_of_a_release() -> None:
    text = (
        "-----BEGIN PGP SIGNED MESSAGE-----\nOrigin: Debian\nComponents: main contrib\nSHA256:\n aa 1 main\n"
    )
    assert parse_release(text)["origin"] == "Debian"
    assert parse_release(text)["components"] == "main contrib"


def test_the_ca_file(tmp_path: Path) -> None:
    pem = tmp_path / "ca.pem"
    pem.write_text("not a certificate")
    real = Path(certs.where())
    assert find_ca(None, {"SSL_CERT_FILE": str(real)}) == real
    assert find_ca(real, {"SSL_CERT_FILE": str(pem)}) == real
    with pytest.raises(UsageError, match=r"SSL_CERT_FILE: .*holds no certificate"):
        find_ca(None, {"SSL_CERT_FILE": str(pem)})
    with pytest.raises(UsageError, match=r"SSL_CERT_FILE: .*Is a directory"):
        find_ca(None, {"SSL_CERT_FILE": str(tmp_path)})
    assert find_ca(None, {"SSL_CERT_FILE": str(tmp_path / "missing")}) is None
    assert find_ca(None, {}) is None
    with pytest.raises(UsageError, match="holds no certificate"):
        find_ca(pem, {})
    with pytest.raises(UsageError, match="No such file"):
        find_ca(tmp_path / "missing", {})
