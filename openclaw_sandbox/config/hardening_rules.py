"""What each key of config.yml may say, beyond its type, and the one form that its value takes."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Set
from dataclasses import field
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config import measures
from openclaw_sandbox.config.agents import normalize_agent_id
from openclaw_sandbox.config.problems import Problem, nearest, shortened
from openclaw_sandbox.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openclaw_sandbox.config.origin import KeyPath

#: What a block means where it says nothing of a key.
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "log": {"driver": "json-file", "max_size": 10 << 20, "max_file": 3},
    "health_check": {"interval": 30, "timeout": 10, "retries": 3},
}
_MOUNT_DEFAULTS = {"mode": "ro"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The rule of an object whose keys are names that somebody chose."""

    key: Callable[[str], str]
    value: Any


#: A function that reads one value, a list with the rule of its elements, an object with those of its keys.
Rule = Any


@dataclass(slots=True, kw_only=True)
class Normalised:
    """The `sandbox` block in one form, and what is wrong with it.

    `renamed` tells, for a path of `data` whose last key was written in another way, how.
    """

    source: Mapping[str, Any]
    data: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    renamed: dict[KeyPath, str] = field(default_factory=dict)

    def written(self, path: KeyPath) -> KeyPath | None:
        """The path in the file of what stands at `path` in `data`; None if no file says it.

        What became a list or an object out of one text stands where that text stands.
        """
        value: Any = self.data
        source: Any = self.source
        found: list[str | int] = []
        for depth, part in enumerate(path, 1):
            value = _part(value, part)
            if value is None:
                return None
            if not isinstance(source, (dict, list)):
                continue
            key = self.renamed.get(path[:depth], part)
            source = _part(source, key)
            if source is None:
                return None
            found.append(key)
        return tuple(found)


def _part(container: Any, key: str | int) -> Any:
    try:
        return container[key]
    except (LookupError, TypeError):
        return None


def normalise(block: Mapping[str, Any], *, home: str, misfits: Set[KeyPath]) -> Normalised:
    """The `sandbox` block, every value in the form that `LoadedHardening` promises.

    `home` is what a leading `~` means; `misfits` are the paths inside the block that the schema refused: what
    touches them is left alone.
    """
    result = Normalised(source=block)
    reader = _Reader(result, {path[:length] for path in misfits for length in range(len(path) + 1)})
    rules = _block_rules(home)
    result.data = reader.read(block, {**rules, "agents": Named(key=normalize_agent_id, value=rules)}, ())
    _finish(result, result.data, ())
    for name, agent in _mapping(result.data.get("agents")).items():
        _finish(result, agent, ("agents", name))
    return result


def _block_rules(home: str) -> dict[str, Rule]:
    on_host = measures.host_path(home)
    return {
        "engine": measures.name,
        "default_image": measures.text,
        "timeout": measures.duration,
        "runtime": measures.name,
        "resource_limits": _LIMITS,
        "allowed_hosts": [measures.host_text],
        "denied_hosts": [measures.host_text],
        "drop_capabilities": [measures.capability],
        "keep_capabilities": [measures.capability],
        "mounts": [{"source": on_host, "target": measures.container_path}],
        "blocked_paths": [on_host],
        "selinux_label": measures.text,
        "apparmor_profile": measures.text,
        "tmpfs_size": measures.size,
        "seccomp_profile": measures.file_path(home),
        "blocked_syscalls": [measures.syscall],
        "logging": {"max_output_size": measures.size, "audit_trail": on_host},
        "ulimits": Named(key=measures.ulimit_name, value=measures.ulimit),
        "disk_read_bps": measures.rate,
        "disk_write_bps": measures.rate,
        "file_access": {"allowed_paths": [measures.text], "deny_paths": [measures.text]},
        "allow_unenforced": [_known_key],
        "log": {"max_size": measures.size, "max_file": measures.count(1, 1000), "labels": [measures.text]},
        "health_check": {
            "command": measures.command,
            "interval": measures.check_time,
            "timeout": measures.check_time,
            "retries": measures.count(1, 1000),
        },
        "ports": [measures.port],
    }


_LIMITS: Mapping[str, Rule] = {
    "memory": measures.memory,
    "memory_swap": measures.swap,
    "memory_reservation": measures.memory,
    "cpus": measures.processors,
    "cpu_shares": measures.count(2, 262_144),  # the kernel's own bounds
    "cpuset": measures.cpu_set,
    "pids": measures.count(1),
    "disk": measures.size,
    "disk_iops": measures.count(1),
    "disk_io_weight": measures.count(10, 1000),  # Docker's bounds
}


def _known_key(value: str) -> str:
    """A key of this file that an engine could fail to enforce, by its last word."""
    from openclaw_sandbox.config.validate import known_keys

    word = value.strip().rpartition(".")[2]
    known = {path[-1] for path in known_keys("hardening_schema")}
    if word not in known:
        meant = nearest(word, known)
        suggestion = f"; did you mean {meant}?" if meant else ""
        raise ValueError(f'"{shortened(value)}" is no key of this file{suggestion}')
    return word


@dataclass(slots=True)
class _Reader:
    """Applies rules to values. What is `touched` by a problem of the schema is not judged again."""

    result: Normalised
    touched: Set[KeyPath]

    def read(self, value: Any, rule: Rule, path: KeyPath) -> Any:
        if isinstance(rule, Named):
            return self._named(value, rule, path)
        if isinstance(rule, Mapping):
            return self._object(value, rule, path)
        if isinstance(rule, list):
            items = enumerate(value) if isinstance(value, list) else ()
            return [self.read(item, rule[0], (*path, index)) for index, item in items]
        if rule is None or path in self.touched:
            return value
        try:
            return rule(value)
        except ValueError as error:
            self._report(path, str(error))
            return value

    def _object(self, value: Any, rules: Mapping[str, Rule], path: KeyPath) -> Any:
        return {key: self.read(item, rules.get(key), (*path, key)) for key, item in _mapping(value).items()}

    def _named(self, value: Any, rule: Named, path: KeyPath) -> Any:
        found: dict[str, Any] = {}
        for key, item in _mapping(value).items():
            try:
                name = rule.key(key)
            except ValueError as error:
                self._report((*path, key), str(error))
                continue
            if name in found:
                first = self.result.renamed.get((*path, name), name)
                self._report((*path, key), f'"{shortened(key)}" means the same as "{shortened(first)}" above')
                continue
            if name != key:
                self.result.renamed[(*path, name)] = key
            found[name] = self.read(item, rule.value, (*path, key))
        return found

    def _report(self, path: KeyPath, message: str) -> None:
        self.result.problems.append(Problem(path=("sandbox", *path), message=message))


def _finish(result: Normalised, block: dict[str, Any], path: KeyPath) -> None:
    """Fill in what a half-written part of a block means, and look at its keys together."""
    for key, defaults in _DEFAULTS.items():
        if isinstance(block.get(key), dict):
            block[key] = {**defaults, **block[key]}
    if isinstance(block.get("mounts"), list):
        block["mounts"] = [{**_MOUNT_DEFAULTS, **_mapping(mount)} for mount in block["mounts"]]
    for inner, message in _contradictions(block):
        written = result.written((*path, *inner)) or (*path, *inner)
        result.problems.append(Problem(path=("sandbox", *written), message=message))


def _contradictions(block: Mapping[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    limits = {k: v for k, v in _mapping(block.get("resource_limits")).items() if isinstance(v, int)}
    memory = limits.get("memory")
    if memory is not None and limits.get("memory_reservation", memory) > memory:
        yield ("resource_limits", "memory_reservation"), "memory_reservation is above memory"
    if memory is not None and 0 <= limits.get("memory_swap", memory) < memory:
        yield ("resource_limits", "memory_swap"), "memory_swap is memory plus swap, and below memory"
    seen: set[str] = set()
    for index, mount in enumerate(block.get("mounts") or ()):
        target = "/" + posixpath.normpath(str(mount.get("target", ""))).lstrip("/")
        if target in seen:
            yield ("mounts", index, "target"), f"{shortened(target)} is the target of an earlier mount too"
        seen.add(target)
    yield from _port_clashes(block.get("ports"))
    log = _mapping(block.get("log"))
    if log.get("labels") and log.get("driver") != "json-file":
        yield ("log", "labels"), f"the driver {log.get('driver')} keeps no labels; json-file does"


def _port_clashes(ports: Any) -> Iterator[tuple[KeyPath, str]]:
    """A port of this host can lead to one container port only."""
    taken: dict[tuple[int, str], int] = {}
    for index, port in enumerate(ports if isinstance(ports, list) else ()):
        said = _mapping(port)
        key = (said.get("host", 0), said.get("protocol", "tcp"))
        if key[0] and key in taken:
            yield ("ports", index), f"the host's port {key[0]}/{key[1]} is that of an earlier entry too"
        taken[key] = index


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
