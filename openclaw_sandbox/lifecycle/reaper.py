"""Ending everything that one command started in a container, and nothing else.

Closing an exec's connection ends nothing, and engines have no call that kills an exec. So each run carries a
random mark in its environment, which all its descendants inherit, and a helper inside the container, run as
the same user, finds the mark in /proc. It is plain shell without a single fork: it works when the pids limit
is exhausted. A descendant that dropped the mark (`env -i setsid ...`) is told apart by its age and its
parents; where even that leaves a doubt, the container goes.
"""

from __future__ import annotations

import enum
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.engine.base import ExecSpec
from openclaw_sandbox.errors import EngineError
from openclaw_sandbox.lifecycle.counters import member_pids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openclaw_sandbox.engine.base import Engine

#: The variable that marks a run's processes.
MARK = "OPENCLAW_SANDBOX_RUN"

#: By its full name: a PATH of the config may begin in the workspace, where untrusted code puts its own `sh`.
_SHELL = "/bin/sh"
_HELPER_TIMEOUT_S = 10.0
_PAUSES_S = (0.0, 0.02, 0.05, 0.2, 0.5, 0.5)
_STAT_START = 20  # of the fields after the name in /proc/PID/stat: the start, in clock ticks since boot
_CLOCK_TICKS = 100  # USER_HZ: fixed by the kernel's ABI for /proc, whatever the timer runs at

# $1 signal, $2 mark, $3 rounds at most. Signals every process with the mark until a round finds none, then
# prints what is left as "pid ppid start belongs mark": start in clock ticks since boot, belongs as in the
# enum, the mark of another run or "-".
_SCRIPT = r"""
set -f
signal=$1 mark=$2 rounds=$3 round=0
marked() {
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in *"$2"*) return 0 ;; esac
  done <"/proc/$1/environ"
  return 1
}
# The mark that the last line read holds. Any program can write anything there.
other() {
  line=${line#*"OPENCLAW_SANDBOX_RUN="}
  said=${line%"${line#????????????????????????????????}"}
  case $said in "" | *[!0-9a-f]*) said=- ;; esac
}
describe() {
  pid=$1 own=$2 said=$3 state=$4 ppid=$5
  [ "$state" = Z ] && return
  shift 22
  echo "$pid $ppid $1 $own $said"
}
while [ "$round" -lt "$rounds" ]; do
  round=$((round + 1)) hits=0
  set +f; set -- /proc/[0-9]*; set -f
  for path in "$@"; do
    pid=${path#/proc/}
    [ "$pid" = $$ ] && continue
    if marked "$pid" "$mark"; then kill -s "$signal" "$pid" && hits=$((hits + 1)); fi
  done
  [ "$hits" = 0 ] && break
done 2>/dev/null
{
  set +f; set -- /proc/[0-9]*; set -f
  for path in "$@"; do
    pid=${path#/proc/}
    [ "$pid" = $$ ] && continue
    IFS= read -r stat <"$path/stat" || continue
    own=0 said=-
    if marked "$pid" "$mark"; then own=2; elif marked "$pid" "OPENCLAW_SANDBOX_RUN="; then own=1; other; fi
    describe "$pid" "$own" "$said" ${stat##*) }
  done
} 2>/dev/null
exit 0
"""


class Belongs(enum.Enum):
    """Whose mark a process carries."""

    NOBODY = 0
    ANOTHER_RUN = 1
    THIS_RUN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process as seen inside the container; `start` in clock ticks since the host's boot.

    `mark`: what it carries as another run's; empty if that is no mark at all.
    """

    pid: int
    ppid: int
    start: int
    belongs: Belongs
    mark: str = ""


class Verdict(enum.Enum):
    """What is left after the marked ones were killed."""

    CLEAN = "clean"
    STRAYS = "strays"  # new ones without a mark, surely ours
    DOUBT = "doubt"  # could be ours; only the container's end makes sure


def judge(
    processes: Sequence[Process], *, since: int, alone: bool, entry: int | None = None
) -> tuple[Verdict, tuple[int, ...]]:
    """Does anything of this run remain? The pids to kill, for STRAYS.

    `since`: when the run began. `alone`: no other command runs in the container now. `entry`: the pid of this
    run's first process, if it lives and is known. A process entered from outside (an exec) has parent 0; one
    whose parents end at pid 1 is an orphan of somebody. Another run's mark is believed where that run lives:
    any program can write itself a mark.
    """
    if any(p.belongs is Belongs.THIS_RUN for p in processes):
        return Verdict.DOUBT, ()
    offspring = _below(processes, entry)
    if offspring:
        return Verdict.STRAYS, tuple(p.pid for p in offspring)
    parents = {p.pid: p for p in processes}
    # The first child of the init is the keeper. In a container that was only just started it is no older than
    # the run; without it the container would end.
    keeper = min((p.pid for p in processes if p.ppid == 1), default=1)
    new = [
        p
        for p in processes
        if p.pid not in (1, keeper) and p.start >= since and (alone or _root(p, parents) == 1)
    ]
    living = set() if alone else {p.mark for p in processes if p.mark and _root(p, parents) != 1}
    strays = tuple(p.pid for p in new if p.mark not in living)
    if not strays:
        return Verdict.CLEAN, ()
    unmarked = any(p.belongs is Belongs.NOBODY for p in new)
    return (Verdict.DOUBT, ()) if unmarked and not alone else (Verdict.STRAYS, strays)


def _below(processes: Sequence[Process], entry: int | None) -> list[Process]:
    """The process with this pid and its descendants."""
    parents = {p.pid: p for p in processes}
    return [p for p in processes if _root(p, parents) == entry]


def _root(process: Process, parents: dict[int, Process]) -> int:
    """The topmost ancestor's pid: 1, or that of an exec's first process."""
    seen = set()
    while process.ppid in parents and process.ppid not in seen:
        seen.add(process.pid)
        process = parents[process.ppid]
    return process.pid


def find_entry(processes: Sequence[Process], status: str, stat: str) -> int | None:
    """The pid inside the container of a process of this host, by its /proc/PID/status and /proc/PID/stat.

    None if it is not among `processes`: it ended, or the engine's pids are not those of this /proc. The
    moment of its start tells it from another process that has the same number.
    """
    found = re.search(r"^NSpid:.*\s(\d+)$", status, re.MULTILINE)
    fields = stat.rpartition(") ")[2].split()
    if not found or len(fields) < _STAT_START or not fields[_STAT_START - 1].isdecimal():
        return None
    pid, start = int(found[1]), int(fields[_STAT_START - 1])
    same = (p.pid for p in processes if p.pid == pid and p.start == start and p.ppid == 0)
    return next(same, None)


def is_hidden(table: Sequence[Process], status: str, stat: str, *, since: int, until: int) -> bool:
    """Whether a living process of this host, by its /proc files, should stand in the table and does not.

    The helper runs as the command's own user, whose processes can write in its memory. `until`: when the
    helper began; what is younger it need not have seen.
    """
    found = re.search(r"^NSpid:\s*\d+\s(?:.*\s)?(\d+)$", status, re.MULTILINE)
    fields = stat.rpartition(") ")[2].split()
    if not found or len(fields) < _STAT_START or fields[0] in "ZX":
        return False
    pid, start = int(found[1]), int(fields[_STAT_START - 1])
    return since <= start < until and not any(p.pid == pid and p.start == start for p in table)


def boot_ticks() -> int:
    """Clock ticks since this host's boot, as /proc/PID/stat counts them; a little early on purpose."""
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return int(uptime * _CLOCK_TICKS) - 2


@dataclass(slots=True, kw_only=True)
class Reaper:
    """Signals and ends the processes of one run.

    `user` as the command's own, None for the container's. `exec_id` is the run's own, once it is started.
    """

    engine: Engine
    container_id: str
    mark: str
    since: int
    user: str | None = None
    exec_id: str | None = None

    def signal(self, name: str) -> None:
        """Send a signal ("INT", "HUP", ...) to every process of the run."""
        left = self._helper(name, rounds=1)
        entry = self._entry(left or ())
        unmarked = [p.pid for p in _below(left or (), entry) if p.belongs is not Belongs.THIS_RUN]
        if unmarked:
            self._kill(unmarked, name)

    def end(self) -> bool:
        """Kill all of the run's processes; at the last resort the container. False if that was needed."""
        try:
            for pause_s in _PAUSES_S:
                began = boot_ticks()
                left = self._helper("KILL", rounds=50)
                if left is None:
                    break
                verdict, strays = judge(left, since=self.since, alone=self._alone(), entry=self._entry(left))
                if verdict is Verdict.CLEAN and not (self._hides(left, until=began) or self._is_starting()):
                    return True
                if verdict is Verdict.STRAYS:
                    self._kill(strays, "KILL")
                time.sleep(pause_s)  # a dying process has lost its environment already, and looks unmarked
        except EngineError:
            pass  # the helper could not run: only the container's end is sure
        self.engine.kill(self.container_id)
        return False

    def _helper(self, name: str, *, rounds: int) -> list[Process] | None:
        argv = (_SHELL, "-c", _SCRIPT, "sh", name, f"{MARK}={self.mark}", str(rounds))
        spec = ExecSpec(argv=argv, user=self.user, workdir="/")
        result = self.engine.exec_capture(self.container_id, spec, timeout_s=_HELPER_TIMEOUT_S)
        if result.exit_code != 0 or result.truncated:
            return None
        return parse_processes(result.stdout)

    def _kill(self, pids: Sequence[int], name: str) -> None:
        argv = (_SHELL, "-c", 'kill -s "$@"', "sh", name, *(str(pid) for pid in pids))
        self.engine.exec_capture(
            self.container_id, ExecSpec(argv=argv, user=self.user, workdir="/"), timeout_s=_HELPER_TIMEOUT_S
        )

    def _entry(self, processes: Sequence[Process]) -> int | None:
        """This run's first process may have dropped the mark (`exec env -i`): the engine knows its pid."""
        pid = self.engine.exec_status(self.exec_id).pid if self.exec_id else 0
        try:
            proc = Path(f"/proc/{pid}")
            return find_entry(processes, (proc / "status").read_text(), (proc / "stat").read_text())
        except (OSError, ValueError):
            return None

    def _hides(self, table: Sequence[Process], *, until: int) -> bool:
        """Does this host see a process of the run that the helper did not? False where it sees none."""
        observed = self.engine.inspect(self.container_id)
        for pid in member_pids(observed.pid) if observed and observed.pid else ():
            try:
                proc = Path(f"/proc/{pid}")
                status, stat = (proc / "status").read_text(), (proc / "stat").read_text()
            except (OSError, ValueError):
                continue
            if is_hidden(table, status, stat, since=self.since, until=until):
                return True
        return False

    def _is_starting(self) -> bool:
        """Whether the engine has yet to start the command: then nothing of it can be found, or signalled."""
        return self.exec_id is not None and self.engine.exec_status(self.exec_id).starting

    def _alone(self) -> bool:
        observed = self.engine.inspect(self.container_id)
        if observed is None or not observed.running:
            return True
        others = (exec_id for exec_id in observed.exec_ids if exec_id != self.exec_id)
        return not any(self.engine.exec_status(exec_id).running for exec_id in others)


def parse_processes(output: bytes) -> list[Process] | None:
    """The helper's table; None if it is not one."""
    processes = []
    for line in output.decode("ascii", "replace").splitlines():
        words = line.split()
        if len(words) != 5 or not all(word.isdecimal() for word in words[:4]):
            return None
        pid, ppid, start, belongs = (int(word) for word in words[:4])
        if belongs not in (0, 1, 2):
            return None
        mark = words[4].removeprefix("-")
        processes.append(Process(pid=pid, ppid=ppid, start=start, belongs=Belongs(belongs), mark=mark))
    return processes if any(p.pid == 1 for p in processes) else None
