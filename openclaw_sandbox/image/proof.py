"""What a sandbox of the image must show: the script that asks inside, and the judge of its answers. Pure."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: Prints `key value` lines; changes nothing that lasts.
_QUESTIONS = """
echo "uid $(id -u)"
echo "gid $(id -g)"
mark=openclaw-sandbox-check
if touch "/$mark" 2>/dev/null; then echo "root writable"; else echo "root read-only"; fi
if touch "./$mark" 2>/dev/null; then echo "workspace writable"; else echo "workspace read-only"; fi
while read -r key value; do
  case "$key" in
    NoNewPrivs:) echo "nnp $value" ;;
    Seccomp:) echo "seccomp $value" ;;
    CapEff:) echo "capabilities $value" ;;
  esac
done < /proc/self/status
echo "network $(ls /sys/class/net | tr '\\n' ' ')"
echo "setuid $(find / -xdev -perm /6000 2>/dev/null | wc -l)"
"""

_SAY_TOOL = 'for tool in {tools}; do echo "tool $tool $("$tool" --version 2>&1 </dev/null | head -n 1)"; done'


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One thing that was asked. `found` is what the sandbox said, in words."""

    name: str
    ok: bool
    found: str


def script(tools: Sequence[str]) -> str:
    """The questions, for `sh -c`."""
    return f"{_QUESTIONS}\n{_SAY_TOOL.format(tools=shlex.join(tools))}\n" if tools else _QUESTIONS


def judge(output: str, tools: Sequence[str]) -> tuple[Shown, ...]:
    """Every promise with what the sandbox showed; what it did not say is not kept."""
    said, versions = _parse(output)
    links = said.get("network", "?").split()
    capabilities = said.get("capabilities", "?")
    return (
        _is(
            "user",
            said.get("uid", "0") not in ("", "0"),
            f"uid {said.get('uid', '?')}, gid {said.get('gid', '?')}",
        ),
        _is("root file system", said.get("root") == "read-only", said.get("root", "?")),
        _is("workspace", said.get("workspace") == "writable", said.get("workspace", "?")),
        _is("network", links == ["lo"], "none" if links == ["lo"] else f"interfaces: {' '.join(links)}"),
        _is(
            "capabilities",
            capabilities.strip("0") == "",
            "none" if not capabilities.strip("0") else capabilities,
        ),
        _is("no new privileges", said.get("nnp") == "1", "on" if said.get("nnp") == "1" else "off"),
        _is("system call filter", said.get("seccomp") == "2", "on" if said.get("seccomp") == "2" else "off"),
        _is("setuid files", said.get("setuid") == "0", said.get("setuid", "?")),
        *(_tool(tool, versions.get(tool, "")) for tool in tools),
    )


def _parse(output: str) -> tuple[dict[str, str], dict[str, str]]:
    lines = [line.split(" ", 1) for line in output.splitlines() if " " in line]
    said = {key: value.strip() for key, value in lines if key != "tool"}
    tools: Iterable[list[str]] = (value.split(" ", 1) for key, value in lines if key == "tool")
    versions: Mapping[str, str] = {words[0]: words[1].strip() if len(words) > 1 else "" for words in tools}
    return said, dict(versions)


def _is(name: str, ok: bool, found: str) -> Shown:  # noqa: FBT001  (a verdict and its words, built only above)
    return Shown(name=name, ok=ok, found=found)


def _tool(tool: str, line: str) -> Shown:
    """A tool that is there says a version; a shell that misses it says "not found"."""
    there = bool(re.search(r"\d", line)) and "not found" not in line
    return Shown(name=tool, ok=there, found=line if there else line or "no answer")
