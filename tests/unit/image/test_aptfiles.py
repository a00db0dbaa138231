"""apt's settings as a folder, and where it goes: the build context and the bootstrap."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace

from openclaw_sandbox.image.apt import AptSource
from openclaw_sandbox.image.aptfiles import AptFiles, file_settings, lasting_sources
from openclaw_sandbox.image.bootstrap import Bootstrap, debootstrap_argv, mmdebstrap_argv, wgetrc
from openclaw_sandbox.image.context import build_context
from openclaw_sandbox.image.recipes import ImageName, recipe

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
SOURCE = AptSource(
    uris=("https://m.example/debian",), suites=("bookworm",), components=("main",), signed_by=KEYRING
)
FULL = AptFiles(
    sources=(SOURCE,),
    keyrings={KEYRING: b"key"},
    trusted={"own.gpg": b"own"},
    settings=(
        ("Acquire::http::Proxy", "http://proxy.example:3128"),
        ("Acquire::https::SslCert", "/etc/me.pem"),
    ),
    setting_files={"/etc/me.pem": b"certificate"},
    passwords="machine m.example login joe password secret",
    ca=b"authority",
)
EMPTY = AptFiles(sources=(), keyrings={}, trusted={}, settings=())


def test_every_path_points_into_the_folder() -> None:
    files = FULL.files("/run/host-apt")
    conf = files["apt.conf"].decode()
    assert 'Acquire::http::Proxy "http://proxy.example:3128";' in conf
    assert 'Acquire::https::SslCert "/run/host-apt/settings/etc_me.pem";' in conf
    assert 'Acquire::https::CaInfo "/run/host-apt/ca.crt";' in conf
    assert 'Dir::Etc::Netrc "/run/host-apt/auth.conf";' in conf
    assert 'Dir::Etc::SourceParts "/run/host-apt/sources.d";' in conf
    assert 'Dir::Etc::TrustedParts "/run/host-apt/trusted.d";' in conf
    named = "Signed-By: /run/host-apt/keyrings/usr_share_keyrings_debian-archive-keyring.gpg"
    assert named in files["sources.d/host.sources"].decode()
    assert files["keyrings/usr_share_keyrings_debian-archive-keyring.gpg"] == b"key"
    assert files["trusted.d/own.gpg"] == b"own"


def test_without_sources_the_images_own_are_used() -> None:
    assert EMPTY.files("/x") == {"apt.conf": b""}


def test_files_that_settings_name() -> None:
    assert file_settings(FULL.settings) == ("/etc/me.pem",)


def test_an_image_keeps_no_password_and_no_source_it_cannot_verify() -> None:
    secret = AptSource(uris=("https://joe:pw@m.example/debian",), suites=("bookworm",), components=("main",))
    foreign = AptSource(
        uris=("https://m.example/debian",), suites=("bookworm",), components=("main",), signed_by="/etc/k.gpg"
    )
    assert lasting_sources((secret, foreign)) == ""
    assert "https://m.example/debian" in lasting_sources((SOURCE,))


def test_the_context_is_the_same_for_the_same_input_and_hides_the_password_file() -> None:
    wanted = recipe(ImageName.SANDBOX)
    content = build_context(wanted, FULL)
    assert content == build_context(wanted, FULL)
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        modes = {entry.name: entry.mode for entry in tar}
    assert modes["Dockerfile.sandbox"] == 0o644
    assert modes["host-apt/auth.conf"] == 0o600
    assert modes["host-apt/sources.d/host.sources"] == 0o644


def test_mmdebstrap_is_told_everything_and_forgets_what_is_the_hosts() -> None:
    argv = mmdebstrap_argv(Bootstrap(suite="bookworm", architecture="arm64", apt=FULL), "/tmp/w")
    assert argv[0] == "mmdebstrap"
    assert "--architectures=arm64" in argv
    assert "--keyring=/tmp/w/apt/trusted.d" in argv
    assert "--aptopt=/tmp/w/apt.options" in argv
    assert not any("proxy" in word.lower() for word in argv), "its password is nothing for the process list"
    hook = next(word for word in argv if word.startswith("--customize-hook=rm"))
    assert "99mmdebstrap" in hook
    assert "resolv.conf" in hook
    assert argv[-3:] == ["bookworm", "/tmp/w/rootfs.tar", "/tmp/w/apt/sources.d/host.sources"]


def test_debootstrap_is_told_no_password_on_its_command_line() -> None:
    source = AptSource(
        uris=("https://joe:s%40cret@m.example/debian",), suites=("bookworm",), components=("main",)
    )
    wanted = Bootstrap(suite="bookworm", architecture="amd64", apt=replace(FULL, sources=(source,)))
    argv = debootstrap_argv(wanted, "/tmp/w")
    assert "https://m.example/debian" in argv[4]
    assert "cret" not in argv[4]
    assert "user = joe\npassword = s@cret\n" in wgetrc(wanted, "/ca")


def test_debootstrap_runs_where_its_mounts_vanish() -> None:
    argv = debootstrap_argv(Bootstrap(suite="bookworm", architecture="amd64", apt=FULL), "/tmp/w")
    assert argv[:4] == ["unshare", "--mount", "sh", "-c"]
    assert "--keyring=/tmp/w/apt/keyrings/usr_share_keyrings_debian-archive-keyring.gpg" in argv[4]
    assert "bookworm /tmp/w/root https://m.example/debian" in argv[4]
