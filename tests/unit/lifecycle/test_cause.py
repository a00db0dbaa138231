"""A limit that was hit is named with its value, its key and where it was set."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from openclaw_sandbox.config.origin import Location, Origin, OriginKind
from openclaw_sandbox.lifecycle.cause import Cause, Evidence, Reason, judge
from openclaw_sandbox.lifecycle.counters import Usage
from openclaw_sandbox.lifecycle.execute import Bounds, Ending, Result
from openclaw_sandbox.lifecycle.limits import Limit, limits_of, tmpfs_limit
from openclaw_sandbox.policy.model import EffectivePolicy, Resolved
from openclaw_sandbox.policy.resolve import resolve
from openclaw_sandbox.spec.build import BuildContext, build_spec
from tests.fake_host import FakeHost, config_of

KEYS = {
    "docker.memory": "resource_limits.memory",
    "docker.pidsLimit": "resource_limits.pids",
    "resource_limits.disk": "resource_limits.disk",
    "timeout": "timeout",
    "logging.max_output_size": "logging.max_output_size",
    "docker.ulimits.nofile": "ulimits.nofile",
    "tmpfs_size": "tmpfs_size",
}


def policy_of(*, in_file: bool) -> EffectivePolicy:
    """Every limit is set, by lines of config.yml or by nobody."""
    policy = resolve(config_of({}), session=None, agent=None, host=FakeHost())
    hardening = replace(
        policy.hardening, memory_bytes=64 << 20, disk_bytes=1 << 20, timeout_s=5, max_output_bytes=1 << 10
    )
    if not in_file:
        return replace(policy, hardening=hardening)
    said = {
        key: Resolved(
            key=key,
            value=100 << 20 if key == "tmpfs_size" else 1,
            origin=Origin(
                kind=OriginKind.FILE,
                key=f"sandbox.{written}",
                file="config.yml",
                locate=lambda: Location(line=7, column=1),
            ),
        )
        for key, written in KEYS.items()
    }
    return replace(policy, hardening=hardening, values={**policy.values, **said})


def limits(*, in_file: bool, bounds: Bounds | None = None) -> dict[str, Limit]:
    policy = policy_of(in_file=in_file)
    spec = build_spec(policy, BuildContext(user="1:1", seccomp_profile=None, created_at_ms=0))
    return limits_of(policy, spec, bounds or Bounds(timeout_s=5, output_limit=1 << 10))


def cause(
    *,
    in_file: bool = True,
    ending: Ending = Ending.EXITED,
    code: int = 1,
    words: str = "",
    full: tuple[str, ...] = (),
    roomy: tuple[str, ...] = (),
    **usage: int,
) -> Cause:
    return judge(
        Evidence(
            result=Result(ending=ending, exit_code=code),
            usage=Usage(**usage),
            last_words=words,
            limits=limits(in_file=in_file),
            full_mounts=full,
            roomy_mounts=roomy,
        )
    )


@pytest.mark.parametrize(
    ("found", "reason", "value", "key"),
    [
        (cause(oom_kills=1), Reason.OOM, "64 MiB", "resource_limits.memory"),
        (cause(forks_denied=1), Reason.PIDS, "512", "resource_limits.pids"),
        (cause(ending=Ending.DISK_FULL), Reason.DISK_FULL, "1 MiB", "resource_limits.disk"),
        (cause(ending=Ending.TIMED_OUT), Reason.TIMEOUT, "5 s", "timeout"),
        (cause(ending=Ending.TOO_MUCH_OUTPUT), Reason.KILLED, "1 KiB", "logging.max_output_size"),
        (cause(words="open: Too many open files"), Reason.ULIMIT, "4096", "ulimits.nofile"),
        (
            cause(words="dd: error writing '/tmp/x': No space left on device"),
            Reason.DISK_FULL,
            "100 MiB",
            "tmpfs_size",
        ),
    ],
)
def test_value_key_and_origin(found: Cause, reason: Reason, value: str, key: str) -> None:
    assert found.reason is reason
    assert f"{value} (config.yml:7 sandbox.{key})" in found.message
    assert key in found.hint or "config.yml" in found.hint


FULL, QUOTA = "No space left on device", "Disk quota exceeded"


@pytest.mark.parametrize(
    ("words", "full", "reason"),
    [
        (f"dd: error writing '/workspace/x': {FULL}", False, Reason.NONZERO),
        (f"dd: error writing '/workspace/x': {FULL}", True, Reason.DISK_FULL),
        (f"dd: error writing '/workspace/x': {QUOTA}", False, Reason.DISK_FULL),
        (f"dd: error writing '/tmp/x': {FULL}", False, Reason.DISK_FULL),
        (f"dd: error writing '/elsewhere': {FULL}", False, Reason.DISK_FULL),
        (f"OSError: [Errno 28] {FULL}", False, Reason.DISK_FULL),
        (f"I only say {FULL}, and that /workspace/x is fine", False, Reason.NONZERO),
    ],
)
def test_a_disk_is_full_where_the_mount_bears_it_out(words: str, reason: Reason, *, full: bool) -> None:
    mount = ("/workspace",)
    found = cause(words=words, full=mount if full else (), roomy=() if full else mount)
    assert (found.reason, found.likely) == (reason, reason is Reason.DISK_FULL)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("mount: /mnt: Operation not permitted", Reason.SECCOMP),
        ("unshare failed: Operation not permitted", Reason.SECCOMP),
        ("chown: changing ownership of 'a': Operation not permitted", Reason.NONZERO),
        ("chmod: changing permissions of '/etc': Operation not permitted", Reason.NONZERO),
        ("sh: 1: kill: Operation not permitted", Reason.NONZERO),
        ("os.chown('a', 0, 0): PermissionError: [Errno 1] Operation not permitted", Reason.NONZERO),
    ],
)
def test_what_is_an_owners_to_do_is_no_filters_fault(words: str, reason: Reason) -> None:
    assert cause(words=words).reason is reason


@pytest.mark.parametrize(
    "words", ["Killed", "Out of memory", "Permission denied", "fork: retry", "Segmentation fault"]
)
@pytest.mark.parametrize("code", [1, 137])
def test_words_alone_prove_nothing(words: str, code: int) -> None:
    found = cause(words=words, code=code)
    assert found.reason is (Reason.KILLED if code == 137 else Reason.NONZERO)
    assert found.likely is (code == 137), "whether it was killed or chose that status nobody can tell"


def test_what_nobody_set_is_built_in() -> None:
    assert "64 MiB (docker.memory, built-in)" in cause(in_file=False, oom_kills=1).message


def test_a_flag_is_named_as_one() -> None:
    found = limits(in_file=True, bounds=Bounds(timeout_s=2, output_limit=9))
    assert found["timeout"].text() == "2 s (--timeout)"
    assert found["output"].text() == "9 B (--max-output)"


def test_ulimits_that_are_not_set_explain_nothing() -> None:
    assert cause(words="fork: Resource temporarily unavailable").reason is Reason.NONZERO
    assert cause(code=128 + signal.SIGXFSZ).reason is not Reason.ULIMIT


def test_the_tmpfs_a_path_lies_in() -> None:
    found = {"tmpfs:/tmp": Limit(value="1", key="a"), "tmpfs:/tmp/deep": Limit(value="2", key="b")}
    assert tmpfs_limit(found, "/tmp/deep/x") == ("/tmp/deep", found["tmpfs:/tmp/deep"])
    assert tmpfs_limit(found, "/tmpx") is None
