"""Damaged for real: each damage is named, `--fix` mends what it can and breaks nothing."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.sandbox import Sandbox
    from tests.tool import Done

pytestmark = pytest.mark.engine


def bad(done: Done) -> dict[str, str]:
    return {c["id"]: c["status"] for c in done.document["checks"] if c["status"] in ("warn", "fail")}


def doctor(sandbox: Sandbox, *words: str) -> Done:
    return sandbox.tool("doctor", "--json", "--offline", *words, timeout_s=300)


def test_a_machine_that_works(sandbox: Sandbox) -> None:
    sandbox.configure(mode="all")
    done = doctor(sandbox)
    assert (done.status, done.document["summary"]["fail"]) == (0, 0), bad(done)
    ids = {check["id"] for check in done.document["checks"]}
    assert {"engine.limits", "components.runc", "kernel.version", "image.setuid", "state.registry"} <= ids
    assert sandbox.containers() == []


def test_no_image(sandbox: Sandbox) -> None:
    sandbox.configure(mode="all", docker={"image": "octest-no-such-image:1"})
    done = doctor(sandbox, "--only", "image.")
    assert (done.status, bad(done)) == (1, {"image.present": "fail"})


def test_a_stale_image(sandbox: Sandbox, api: Any, octest_name: Callable[[str], str]) -> None:
    tag = octest_name("stale")
    container = api.create_container(sandbox.image, ["true"])
    try:
        labels = 'LABEL openclaw-sandbox.builtAt="2020-01-01T00:00:00+00:00"'
        made = api.commit(container["Id"], repository=tag, tag="1", changes=labels)
    finally:
        api.remove_container(container["Id"])
    try:
        sandbox.configure(mode="all", docker={"image": f"{tag}:1"})
        assert bad(doctor(sandbox, "--only", "image.age")) == {"image.age": "warn"}
    finally:
        api.remove_image(made["Id"], force=True)


def test_a_corrupt_registry_is_named_and_mended(sandbox: Sandbox) -> None:
    sandbox.configure(mode="all")
    assert sandbox.run("true").status == 0
    path = sandbox.tool.state / "sandbox" / "containers.json"
    path.write_text('{"entries": [{"conta')
    done = doctor(sandbox, "--only", "state.")
    assert (done.status, bad(done)) == (1, {"state.registry": "fail"})
    assert path.read_text() == '{"entries": [{"conta'  # looking mends nothing

    refused = doctor(sandbox, "--only", "state.", "--fix")
    assert refused.status == 2  # nobody there to ask

    mended = doctor(sandbox, "--only", "state.", "--fix", "--yes")
    assert (mended.status, bad(mended)) == (0, {})
    assert [step["id"] for step in mended.document["fixed"]] == ["state.registry"]
    names = [entry["containerName"] for entry in json.loads(path.read_text())["entries"]]
    assert names == [sandbox.name] == sandbox.containers()


def test_a_stranger_with_our_label_is_named_and_left_alone(
    sandbox: Sandbox, api: Any, octest_name: Callable[[str], str]
) -> None:
    sandbox.configure(mode="all")
    name = octest_name("stranger")
    made = api.create_container(sandbox.image, ["true"], name=name, labels={"openclaw.sandbox": "1"})
    try:
        done = doctor(sandbox, "--only", "containers.", "--fix", "--yes")
        found = {check["id"]: check for check in done.document["checks"]}
        assert done.status == 1
        assert name in found["containers.impostors"]["details"]
        assert api.inspect_container(made["Id"])["Id"] == made["Id"]
    finally:
        api.remove_container(made["Id"], force=True)


def test_a_weakened_sandbox_breaks_the_benchmark(sandbox: Sandbox) -> None:
    sandbox.configure(mode="all", docker={"capDrop": [], "readOnlyRoot": False})
    assert sandbox.run("true").status == 0
    found = bad(doctor(sandbox, "--only", "containers.cis"))
    assert found == {"containers.cis-5.4": "fail", "containers.cis-5.13": "fail"}


def test_drift_is_named(sandbox: Sandbox) -> None:
    sandbox.configure(mode="all")
    assert sandbox.run("true").status == 0
    sandbox.configure(mode="all", docker={"env": {"LANG": "C"}})
    done = doctor(sandbox, "--only", "containers.drift")
    assert bad(done) == {"containers.drift": "warn"}
    assert sandbox.name in done.document["checks"][0]["details"][0]


def test_a_workspace_of_root(sandbox: Sandbox) -> None:
    if os.getuid() != 0:
        return  # nobody else can give a folder to root
    workspace = sandbox.tool.home / "work"
    workspace.mkdir()
    block = {"containerPrefix": sandbox.prefix, "image": sandbox.image}
    settings = {"mode": "all", "workspaceAccess": "rw", "docker": block}
    sandbox.tool.write_config({"agents": {"defaults": {"workspace": str(workspace), "sandbox": settings}}})
    done = doctor(sandbox, "--only", "state.workspace")
    assert (done.status, bad(done)) == (1, {"state.workspace": "fail"})
    assert "chown" in done.document["checks"][0]["fix"]


def test_the_page_has_both_results(sandbox: Sandbox) -> None:
    sandbox.configure(mode="all")
    path = sandbox.tool.home / "report.html"
    done = sandbox.tool("doctor", "--html", path, "-q", timeout_s=300)
    text = path.read_text()
    assert done.status == 0, done.text
    assert "Proven" in text
    assert "sc.mount" in text
    assert "components.runc" in text
