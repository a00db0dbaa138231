"""`list`, `ensure`, `recreate` and `prune` on a real engine."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.sandbox import eventually
from tests.integration.terminal import Terminal

if TYPE_CHECKING:
    from tests.integration.fleet.conftest import Registry
    from tests.integration.sandbox import Sandbox

pytestmark = pytest.mark.engine

#: What OpenClaw's own `list --json` says of a container.
THEIR_KEYS = {
    "containerName", "sessionKey", "createdAtMs", "lastUsedAtMs",
    "image", "configHash", "running", "imageMatch",
}  # fmt: skip


def rows(sandbox: Sandbox, *flags: str) -> list[dict[str, Any]]:
    """What `list` says of this state folder's."""
    done = sandbox.tool("list", "--json", *flags)
    assert done.status == 0, done.said
    found: list[dict[str, Any]] = done.document["containers"]
    return [row for row in found if row["state"] != "foreign-state"]


def state_of(sandbox: Sandbox, name: str = "") -> str:
    (row,) = [row for row in rows(sandbox) if row["containerName"] == (name or sandbox.name)]
    return str(row["state"])


# ---- list


def test_every_state(sandbox: Sandbox, registry: Registry, decoys: list[str]) -> None:
    sandbox.configure(scope="session")
    for session in ("runs", "stopped", "missing", "orphan"):
        assert sandbox.tool("ensure", "--session", session, "-q").status == 0
    names = {row["sessionKey"].rpartition(":")[2]: row["containerName"] for row in rows(sandbox)}
    sandbox.api.stop(names["stopped"], timeout=0)
    sandbox.api.remove_container(names["missing"], force=True)
    registry.write([entry for entry in registry.entries if entry["containerName"] != names["orphan"]])
    states = {row["sessionKey"].rpartition(":")[2]: row["state"] for row in rows(sandbox)}
    assert states == {"runs": "running", "stopped": "stopped", "missing": "missing", "orphan": "orphan"}
    (row,) = [row for row in rows(sandbox) if row["containerName"] == names["runs"]]
    assert set(row) >= THEIR_KEYS
    assert (row["running"], row["imageMatch"], row["drift"]["status"]) == (True, True, "none")
    everything = sandbox.tool("list", "--json").document["containers"]
    foreign = [found["containerId"] for found in everything if found["state"] == "foreign-state"]
    assert set(decoys[4:]) <= set(foreign)
    assert not set(decoys[:4]) & {found["containerId"] for found in everything}


def test_a_table_that_fits_the_terminal(sandbox: Sandbox) -> None:
    key = "agent:main:whatsapp:group:120363424282127706@g.us:thread:with-a-very-long-name-indeed"
    sandbox.configure(scope="session")
    assert sandbox.tool("ensure", "--session", key, "-q").status == 0
    for columns in (200, 80, 40):
        with Terminal(columns=columns) as terminal:
            argv = sandbox.tool.argv("list", "--color", "never", "--filter", "state=running")
            env = {k: v for k, v in sandbox.tool.environment().items() if k != "COLUMNS"}
            terminal.start(argv, env=env, stderr=subprocess.DEVNULL)
            assert terminal.finish() == 0
            lines = terminal.seen.decode().splitlines()
        assert max(map(len, lines)) <= columns
        width = lines[0].index("STATE") if "STATE" in lines[0] else columns
        assert key in "".join(line[:width].strip() for line in lines[1:])
    plain = sandbox.tool("list", env={"COLUMNS": "40"})
    assert "No room for: " in plain.said
    assert key in sandbox.tool("list", "-q", "--json").text


def test_drift_by_hash_and_by_image_id(sandbox: Sandbox) -> None:
    sandbox.run("true")
    sandbox.configure(docker={"memory": "99m", "env": {"A": "b"}})
    (row,) = rows(sandbox)
    assert (row["drift"]["status"], row["drift"]["configMatch"]) == ("drifted", False)
    assert row["drift"]["parts"] == ["config", "environment", "limits"]
    sandbox.tool.write_config({"agents": {"defaults": {"sandbox": {"scope": "nonsense"}}}})
    done = sandbox.tool("list", "--json")
    assert "cannot be used" in done.said
    (row,) = [row for row in done.document["containers"] if row["containerName"] == sandbox.name]
    assert (row["drift"]["status"], row["state"]) == ("unknown", "running")


def test_sizes_on_request(sandbox: Sandbox) -> None:
    sandbox.run("sh", "-c", "head -c 100000 /dev/urandom >data")
    (row,) = rows(sandbox, "--stats")
    assert row["workspaceBytes"] >= 100_000
    assert row["writtenBytes"] == 0
    assert "writtenBytes" not in rows(sandbox)[0]


def test_a_damaged_registry_is_rebuilt_from_labels(sandbox: Sandbox, registry: Registry) -> None:
    sandbox.run("true")
    before = registry.entries
    registry.path.write_text(registry.path.read_text()[:-40])
    done = sandbox.tool("list", "--json")
    assert "was damaged" in done.said
    assert state_of(sandbox) == "running"
    (entry,) = registry.entries
    unchanged = ("containerName", "sessionKey", "createdAtMs", "configHash")
    assert {k: entry[k] for k in unchanged} == {k: before[0][k] for k in unchanged}


# ---- containers of OpenClaw


def their_container(sandbox: Sandbox, registry: Registry) -> str:
    """A container and its entry as OpenClaw 2026.2.17 makes them, for the same config; its id."""
    plan = sandbox.tool("run", "--dry-run", "--json", "--", "true").document["argv"]
    hash_ = next(word for word in plan if word.startswith("openclaw.configHash=")).partition("=")[2]
    sandbox.workspace.mkdir(parents=True, exist_ok=True)
    labels = {
        "openclaw.sandbox": "1",
        "openclaw.sessionKey": "agent:main",
        "openclaw.createdAtMs": "1760000000000",
        "openclaw.configHash": hash_,
    }
    config = sandbox.api.create_host_config(
        read_only=True,
        network_mode="none",
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        binds=[f"{sandbox.workspace}:/workspace"],
    )
    made = sandbox.api.create_container(
        sandbox.image,
        ["sleep", "infinity"],
        name=sandbox.name,
        labels=labels,
        working_dir="/workspace",
        host_config=config,
    )
    sandbox.api.start(made["Id"])
    entry = {
        "containerName": sandbox.name,
        "sessionKey": "agent:main",
        "createdAtMs": 1760000000000,
        "lastUsedAtMs": int(time.time() * 1000),
        "image": sandbox.image,
        "configHash": hash_,
    }
    registry.write([entry])
    return str(made["Id"])


def test_theirs_is_listed_matched_and_removed(sandbox: Sandbox, registry: Registry) -> None:
    made = their_container(sandbox, registry)
    (row,) = rows(sandbox)
    assert (row["state"], row["containerId"], row["imageMatch"]) == ("running", made, True)
    assert row["drift"]["configMatch"] is True
    assert "made by OpenClaw" in row["drift"]["reason"]
    done = sandbox.tool("recreate", "--session", "main", "--force")
    assert (done.status, done.text) == (0, f"removed {sandbox.name}\n")
    assert (sandbox.containers(), registry.entries) == ([], [])


def test_theirs_is_replaced_by_a_hardened_one(sandbox: Sandbox, registry: Registry) -> None:
    made = their_container(sandbox, registry)
    assert sandbox.run("id", "-u").out != b"0\n"
    assert sandbox.inspect()["Id"] != made
    assert sandbox.inspect()["HostConfig"]["Init"] is True
    assert registry.names == [sandbox.name]


def test_ours_is_recognised_and_removed_by_their_rules(sandbox: Sandbox, registry: Registry) -> None:
    """Name, labels, hash and entry are all that OpenClaw looks at."""
    sandbox.run("true")
    (entry,) = registry.entries
    assert list(entry) == [
        "containerName",
        "sessionKey",
        "createdAtMs",
        "lastUsedAtMs",
        "image",
        "configHash",
    ]
    made = sandbox.inspect()["Config"]["Labels"]
    assert made["openclaw.configHash"] == entry["configHash"]
    assert (made["openclaw.sandbox"], made["openclaw.sessionKey"]) == ("1", "agent:main")
    assert made["openclaw.createdAtMs"] == str(entry["createdAtMs"])
    assert registry.path.read_text() == json.dumps({"entries": registry.entries}, indent=2) + "\n"
    subprocess.run(["docker", "rm", "-f", sandbox.name], check=True, capture_output=True)
    registry.write([])
    assert rows(sandbox) == []
    assert sandbox.run("echo", "again").out == b"again\n"


# ---- ensure


def test_ensure_makes_starts_and_keeps(sandbox: Sandbox, registry: Registry) -> None:
    actions = []
    for _ in range(2):
        actions.append(sandbox.tool("ensure").text)
    sandbox.api.stop(sandbox.name, timeout=0)
    actions.append(sandbox.tool("ensure").text)
    assert actions == [f"{word} {sandbox.name}\n" for word in ("made", "kept", "started")]
    assert sandbox.processes() == []
    assert registry.names == [sandbox.name]


def test_ensure_everything(sandbox: Sandbox, registry: Registry) -> None:
    block = {"docker": {"containerPrefix": sandbox.prefix, "image": sandbox.image}}
    agents = {"defaults": {"sandbox": block}, "list": [{"id": "main"}, {"id": "work"}]}
    sandbox.tool.write_config({"agents": agents})
    done = sandbox.tool("ensure", "--all", "--json")
    assert [found["action"] for found in done.document["sandboxes"]] == ["made", "made"]
    assert len(registry.names) == 2
    assert sandbox.tool("ensure", "--all", "--session", "x").status == 2


def test_a_busy_sandbox_and_the_four_ways(sandbox: Sandbox) -> None:
    command = sandbox.start("sh", "-c", "echo up; sleep 20")
    assert command.stdout is not None
    assert command.stdout.readline() == b"up\n"
    old = sandbox.inspect()["Id"]
    sandbox.configure(docker={"pidsLimit": 99})
    refused = sandbox.tool("ensure")
    assert refused.status == 125
    assert "limits" in refused.said
    used = sandbox.tool("ensure", "--on-busy", "use")
    assert (used.status, sandbox.inspect()["Id"]) == (0, old)
    assert "limits" in used.said
    waiting = sandbox.tool.start("ensure", "--on-busy", "wait")
    new = sandbox.tool("ensure", "--on-busy", "new")
    assert new.text.startswith("replaced")
    assert sandbox.inspect()["HostConfig"]["PidsLimit"] == 99
    assert waiting.wait(30) == 0
    waiting.communicate()
    assert command.poll() is None, "the command goes on in the old one"
    assert len(sandbox.containers()) == 2
    command.terminate()
    command.communicate()
    eventually(lambda: sandbox.tool("ensure").status == 0 and sandbox.containers() == [sandbox.name])


def test_a_failed_setup_command_leaves_nothing(sandbox: Sandbox, registry: Registry) -> None:
    sandbox.configure(docker={"setupCommand": "echo trying; exit 3"})
    done = sandbox.tool("ensure")
    assert done.status == 125
    assert "failed with status 3" in done.said
    assert "trying" in done.said
    assert (sandbox.containers(), registry.entries) == ([], [])


def test_a_shared_sandbox_sees_no_other_workspace(sandbox: Sandbox) -> None:
    own = {"id": "own", "sandbox": {"scope": "session"}}
    block = {"scope": "shared", "docker": {"containerPrefix": sandbox.prefix, "image": sandbox.image}}
    sandbox.tool.write_config({"agents": {"defaults": {"sandbox": block}, "list": [{"id": "main"}, own]}})
    assert sandbox.run("sh", "-c", "echo mine >note").status == 0
    secret = sandbox.tool("run", "--agent", "own", "--", "sh", "-c", "echo secret >secret; pwd")
    assert secret.status == 0, secret.said
    script = "cat note; find . -name secret; ls -A */; for folder in */; do touch $folder/x; done"
    found = sandbox.run("sh", "-c", script)
    assert found.text.startswith("mine\n")
    assert "secret" not in found.text
    assert found.status != 0
    assert "cannot touch" in found.said
    again = sandbox.tool("run", "--agent", "own", "--", "cat", "secret")
    assert again.text == "secret\n"


# ---- recreate


def test_recreate_asks_and_ctrl_c_is_no(sandbox: Sandbox) -> None:
    sandbox.run("true")
    for keys, status in ((b"\x03", 2), (b"n\r", 2), (b"\x04", 2), (b"\r", 2), (b"y\r", 0)):
        with Terminal(columns=100) as terminal:
            terminal.start(sandbox.tool.argv("recreate", "--all"), env=sandbox.tool.environment())
            terminal.read_until(b"[y/N] ")
            assert sandbox.name.encode() in terminal.seen
            terminal.type(keys)
            assert terminal.finish() == status, terminal.seen
        assert sandbox.containers() == ([sandbox.name] if status else [])


def test_recreate_without_a_terminal(sandbox: Sandbox, registry: Registry) -> None:
    sandbox.run("true")
    done = sandbox.tool("recreate", "--all")
    assert (done.status, done.out) == (2, b"")
    assert "--force" in done.said
    assert sandbox.tool("recreate", "--all", "--json").error["code"] == "prompt.refused"
    for flags in ([], ["--all", "--drifted"], ["--session", ""]):
        assert sandbox.tool("recreate", *flags).status == 2
    nothing = sandbox.tool("recreate", "--session", "nobody")
    assert (nothing.status, nothing.out) == (0, b"")
    assert sandbox.containers() == registry.names == [sandbox.name]


def test_recreate_now(sandbox: Sandbox, registry: Registry) -> None:
    sandbox.run("true")
    old = sandbox.inspect()["Id"]
    assert sandbox.tool("recreate", "--drifted", "--force", "--json").document["removed"] == []
    sandbox.configure(docker={"memory": "99m"})
    plan = sandbox.tool("recreate", "--drifted", "--dry-run", "--json").document
    assert [found["containerName"] for found in plan["containers"]] == [sandbox.name]
    assert sandbox.inspect()["Id"] == old
    done = sandbox.tool("recreate", "--drifted", "--now", "--force", "--json")
    assert done.status == 0, done.said
    assert [found["action"] for found in done.document["made"]] == ["made"]
    assert sandbox.inspect()["HostConfig"]["Memory"] == 99 << 20
    assert registry.names == [sandbox.name]


def test_recreate_says_what_runs(sandbox: Sandbox) -> None:
    command = sandbox.start("sh", "-c", "echo up; sleep 60")
    assert command.stdout is not None
    command.stdout.readline()
    assert "a command runs in it" in sandbox.tool("recreate", "--all", "--dry-run").said
    done = sandbox.tool("recreate", "--all", "--force")
    assert done.status == 0
    assert "a command runs in it" in done.said
    assert command.wait(30) != 0
    command.communicate()
    assert sandbox.containers() == []


# ---- prune


def test_prune(sandbox: Sandbox, registry: Registry, decoys: list[str]) -> None:
    sandbox.configure(scope="session", prune={"idleHours": 1})
    for session in ("idle", "busy", "used", "lost"):
        assert sandbox.tool("ensure", "--session", session, "-q").status == 0
    names = {entry["sessionKey"].rpartition(":")[2]: entry["containerName"] for entry in registry.entries}
    command = sandbox.tool.start("run", "--session", "busy", "--", "sh", "-c", "echo up; sleep 60")
    assert command.stdout is not None
    command.stdout.readline()
    old = int(time.time() * 1000) - 2 * 3_600_000
    kept = [entry for entry in registry.entries if entry["containerName"] != names["lost"]]
    for entry in kept:
        if entry["containerName"] in (names["idle"], names["busy"]):
            entry["lastUsedAtMs"] = old
    kept.append({**kept[0], "containerName": f"{sandbox.prefix}gone"})
    registry.write(kept)
    would = sandbox.tool("prune", "--dry-run", "--json").document
    assert sorted(found["name"] for found in would["removed"]) == sorted(
        [names["idle"], f"{sandbox.prefix}gone"]
    )
    assert [found["name"] for found in would["registered"]] == [names["lost"]]
    assert [found["name"] for found in would["kept"]] == [names["busy"]]
    before = sandbox.containers()
    assert names["idle"] in before
    did = sandbox.tool("prune", "--json")
    assert did.status == 0, did.said
    assert {k: len(v) for k, v in did.document.items() if isinstance(v, list)} == {
        "removed": 2, "registered": 1, "kept": 1, "failed": 0,
    }  # fmt: skip
    assert sandbox.containers() == [name for name in before if name != names["idle"]]
    assert registry.names == sorted([names["busy"], names["used"], names["lost"]])
    command.kill()
    command.communicate()


def test_prune_workspaces(sandbox: Sandbox) -> None:
    sandbox.configure(scope="session")
    sandbox.tool("run", "--session", "gone", "--", "sh", "-c", "mkdir d; head -c 50000 /dev/urandom >d/f")
    sandbox.tool("run", "--session", "stays", "--", "true")
    assert sandbox.tool("recreate", "--session", "gone", "--force", "-q").status == 0
    root = sandbox.tool.state / "sandboxes"
    assert len(list(root.iterdir())) == 2
    assert sandbox.tool("prune").status == 0
    assert len(list(root.iterdir())) == 2
    done = sandbox.tool("prune", "--workspaces", "--json").document
    assert done["freedBytes"] >= 50_000
    (left,) = root.iterdir()
    assert left.name.startswith("agent-main-stays-")


def test_every_verb_spares_the_decoys(sandbox: Sandbox, decoys: list[str]) -> None:
    sandbox.run("true")
    sandbox.run("true", flags=["--rm"])
    for words in (
        ("recreate", "--all", "--force", "--now"),
        ("recreate", "--agent", "main", "--force"),
        ("ensure", "--all"),
        ("recreate", "--session", "main", "--force", "--browser"),
        ("prune", "--images", "--workspaces"),
        ("recreate", "--all", "--force"),
    ):
        done = sandbox.tool(*words)
        assert done.status == 0, done.said
    assert len(decoys) == 6
