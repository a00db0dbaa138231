"""The recipes are there, and say what the tool relies on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from openclaw_sandbox.image.recipes import ImageName, base_reference, recipe, reference_of


@pytest.mark.parametrize("name", list(ImageName))
def test_a_recipe_marks_its_stages_runs_as_nobody_special_and_lists_its_tools(name: ImageName) -> None:
    text = recipe(name).text
    assert text.count('LABEL openclaw-sandbox.role="build" openclaw-sandbox.build="${BUILD_ID}"') == 2
    assert "openclaw-sandbox.tools=" in text
    assert "USER 1000:1000\nWORKDIR /home/sandbox\nCMD" in text
    assert "find / -xdev -perm /6000 -exec chmod ug-s {} +" in text
    assert f"COPY {recipe(name).dockerfile} host-apt* /run/host-apt/" in text


def test_the_sandbox_holds_what_was_promised() -> None:
    line = next(
        line for line in recipe(ImageName.SANDBOX).text.splitlines() if line.startswith("ARG PACKAGES")
    )
    assert line == 'ARG PACKAGES="bash ca-certificates curl git jq python3 ripgrep"'


def test_the_digest_follows_the_text() -> None:
    one = recipe(ImageName.SANDBOX)
    assert one.digest == recipe(ImageName.SANDBOX).digest
    assert one.digest.startswith("sha256:")
    assert replace(one, text=one.text + "\n").digest != one.digest


def test_names() -> None:
    assert reference_of(ImageName.SANDBOX) == "openclaw-sandbox:bookworm-slim"
    assert reference_of(ImageName.COMMON) == "openclaw-sandbox-common:bookworm-slim"
    assert base_reference("trixie") == "debian:trixie-slim"
