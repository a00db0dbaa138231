"""Reading, choosing and writing apt sources."""

from __future__ import annotations

import pytest

from openclaw_sandbox.image.apt import (
    AptSource,
    distribution_sources,
    has_password,
    mirror_sources,
    parse_sources,
    render_sources,
    split_login,
    suites_to_try,
    without_password,
)

DEB822 = """\
# a comment
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
# another
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://source.example/debian
Suites: bookworm
Components: main
"""

KEY_BLOCK = """\
Types: deb
URIs: https://mirror.example/debian
Suites: bookworm
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abcdef
 -----END PGP PUBLIC KEY BLOCK-----
"""


def test_deb822_stanzas_are_read_and_what_is_off_is_left_out() -> None:
    assert [source.uris for source in parse_sources("debian.sources", DEB822)] == [
        ("http://mirror.example/debian",),
        ("http://mirror.example/debian-security",),
    ]


def test_a_key_block_survives_reading_and_writing() -> None:
    (source,) = parse_sources("x.sources", KEY_BLOCK)
    assert source.keyrings == ()
    assert parse_sources("x.sources", render_sources([source])) == (source,)
    assert " .\n abcdef" in render_sources([source])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "deb http://m.example/debian bookworm main contrib # trailing",
            AptSource(
                uris=("http://m.example/debian",), suites=("bookworm",), components=("main", "contrib")
            ),
        ),
        (
            "deb [arch=amd64,arm64 signed-by=/k.gpg trusted=yes] http://m.example/debian bookworm main",
            AptSource(
                uris=("http://m.example/debian",),
                suites=("bookworm",),
                components=("main",),
                signed_by="/k.gpg",
                architectures=("amd64", "arm64"),
                trusted=True,
            ),
        ),
        ("deb-src http://m.example/debian bookworm main", None),
        ("# deb http://m.example/debian bookworm main", None),
        ("deb cdrom:[Debian 12]/ bookworm main", None),
        ("deb", None),
        ("nonsense", None),
    ],
)
def test_one_line_sources(line: str, expected: AptSource | None) -> None:
    assert parse_sources("sources.list", line) == ((expected,) if expected else ())


def source(uri: str, *suites: str, components: tuple[str, ...] = ("main",), signed_by: str = "") -> AptSource:
    return AptSource(uris=(uri,), suites=suites, components=components, signed_by=signed_by)


def chosen(
    *found: AptSource, suite: str = "bookworm", own: str = "bookworm", distribution: str = "debian"
) -> tuple[AptSource, ...]:
    return distribution_sources(found, suite=suite, own_suite=own, distribution=distribution)


def test_only_the_release_and_its_updates_and_main_are_taken() -> None:
    (taken,) = chosen(
        source(
            "http://m.example/debian",
            "bookworm",
            "bookworm-updates",
            "bookworm-backports",
            components=("main", "non-free"),
        )
    )
    assert taken.suites == ("bookworm", "bookworm-updates")
    assert taken.components == ("main",)


def test_third_parties_are_left_out() -> None:
    own = source("http://m.example/debian", "bookworm")
    named_key = source("http://third.example/apt", "bookworm", signed_by="/etc/apt/keyrings/third.gpg")
    no_key = source("http://third.example/apt", "bookworm")
    other_suite = source("http://third.example/debian", "third-bookworm")
    assert chosen(named_key, no_key, own, other_suite) == (own,)


def test_a_mirror_with_an_odd_path_is_still_the_machines_own() -> None:
    own = source("http://cache.example:3142/mirror", "bookworm")
    assert chosen(own) == (own,)


def test_files_and_discs_of_the_host_are_no_sources_of_a_build() -> None:
    assert chosen(source("file:/srv/debian", "bookworm")) == ()


def test_debian_finds_another_release_on_its_own_mirror() -> None:
    release = source("http://m.example/debian", "trixie", "trixie-updates")
    security = source("http://m.example/debian-security", "trixie-security")
    assert [s.suites for s in chosen(release, security, own="trixie")] == [
        ("bookworm", "bookworm-updates"),
        ("bookworm-security",),
    ]


def test_ubuntu_has_no_debian_release_but_its_own_with_universe() -> None:
    own = source(
        "http://m.example/ubuntu", "noble", "noble-updates", components=("main", "universe", "multiverse")
    )
    assert chosen(own, own="noble", distribution="ubuntu") == ()
    (taken,) = chosen(own, suite="noble", own="noble", distribution="ubuntu")
    assert taken.components == ("main", "universe")


def test_mirrors_that_were_named_give_the_suites_they_have() -> None:
    found = mirror_sources({"http://a": ("bookworm",), "http://b": ()}, components=("main",))
    assert [s.uris for s in found] == [("http://a",)]
    assert suites_to_try("bookworm") == ("bookworm", "bookworm-updates", "bookworm-security")


def test_passwords_are_seen_and_hidden() -> None:
    assert has_password(source("https://joe:secret@m.example/debian", "bookworm"))
    assert not has_password(source("https://m.example/pool/@x", "bookworm"))
    assert without_password("https://joe:secret@m.example/x") == "https://***@m.example/x"
    assert without_password("Err http://a:b@c@m.example/x y@z") == "Err http://***@m.example/x y@z"
    assert without_password("https://m.example/pool/@x") == "https://m.example/pool/@x"


def test_a_login_is_parted_from_its_url() -> None:
    assert split_login("https://joe:s%40c@m.example:1/x/y") == ("https://m.example:1/x/y", "joe", "s@c")
    assert split_login("https://joe@m.example") == ("https://m.example", "joe", "")
    assert split_login("https://m.example/@x") == ("https://m.example/@x", "", "")
