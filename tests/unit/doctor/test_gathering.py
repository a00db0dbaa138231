"""What is read from the machine: the engine's addresses, apt's lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.doctor.candidates import host_candidates, is_of_release
from openclaw_sandbox.doctor.listening import network_addresses, parse_arguments

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("words", "config", "wanted"),
    [
        ((), {}, ((), False)),
        (("-H", "fd://"), {}, ((), False)),
        (("-H", "tcp://0.0.0.0:2375"), {}, (("tcp://0.0.0.0:2375",), False)),
        (("-Htcp://0.0.0.0:2375",), {}, (("tcp://0.0.0.0:2375",), False)),
        (
            ("-H=tcp://a", "--host=tcp://b", "--host", "tcp://c"),
            {},
            (("tcp://a", "tcp://b", "tcp://c"), False),
        ),
        (("-H", "tcp://a", "--tlsverify"), {}, (("tcp://a",), True)),
        (("-H", "tcp://a", "--tlsverify=false"), {}, (("tcp://a",), False)),
        (("-H", "tcp://a", "--tls"), {}, (("tcp://a",), False)),  # anybody may come, unread on the way
        ((), {"hosts": ["unix:///s", "tcp://0.0.0.0:2375"]}, (("tcp://0.0.0.0:2375",), False)),
        ((), {"hosts": ["tcp://a"], "tlsverify": True}, (("tcp://a",), True)),
        ((), {"hosts": "tcp://a"}, ((), False)),
        ((), ["no object"], ((), False)),
        (("-H",), {}, ((), False)),
    ],
)
def test_on_which_networks_the_engine_listens(
    words: tuple[str, ...], config: Any, wanted: tuple[tuple[str, ...], bool]
) -> None:
    assert network_addresses(parse_arguments(words), config) == wanted


def test_the_engines_own_settings_file() -> None:
    assert parse_arguments(("--config-file", "/x.json")).config == "/x.json"
    assert parse_arguments(("--config-file=/y.json",)).config == "/y.json"
    assert parse_arguments(()).config == "/etc/docker/daemon.json"


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("deb.example_debian_dists_bookworm_main_binary-amd64_Packages", True),
        ("deb.example_debian_dists_bookworm_main_binary-amd64_Packages.lz4", True),
        ("deb.example_debian-security_dists_bookworm-security_main_binary-amd64_Packages", True),
        ("deb.example_debian_dists_bookworm-updates_main_binary-amd64_Packages", True),
        ("deb.example_debian_dists_bookworm-backports_main_binary-amd64_Packages", False),
        ("download.example_linux_debian_dists_bookworm_stable_binary-amd64_Packages", False),
        ("deb.example_debian_dists_trixie_main_binary-amd64_Packages", False),
        ("deb.example_debian_dists_bookworm_InRelease", False),
    ],
)
def test_only_the_releases_own_archives_update_an_image(name: str, counts: bool) -> None:
    assert is_of_release(name, "bookworm") is counts


def test_the_newest_of_all_lists(tmp_path: Path) -> None:
    for suite, version in (("bookworm", "1"), ("bookworm-security", "2"), ("bookworm-backports", "9")):
        name = f"x_debian_dists_{suite}_main_binary-amd64_Packages"
        (tmp_path / name).write_text(f"Package: bash\nVersion: {version}\n")
    assert host_candidates("bookworm", tmp_path) == {"bash": "2"}
    assert host_candidates("trixie", tmp_path) is None
    assert host_candidates("", tmp_path) is None
