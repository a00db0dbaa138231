"""What `run` says about a command's end, to a human and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openclaw_sandbox.cli.ui import Ui
    from openclaw_sandbox.lifecycle.run import RunReport


def run_document(report: RunReport) -> dict[str, Any]:
    """The answer of `run --json`, without the streams. Times in milliseconds, sizes in bytes."""
    result, usage, cause = report.result, report.usage, report.cause
    return {
        "exitCode": report.exit_status,
        "commandExitCode": result.exit_code,
        "reason": cause.reason.value,
        "likely": cause.likely,
        "message": cause.message,
        "hint": cause.hint,
        "key": cause.key or None,
        "container": report.container,
        "durationMs": round(result.duration_s * 1000),
        "peakMemoryBytes": usage.memory_peak_bytes,
        "peakMemoryExact": usage.peak_is_exact,
        "cpuTimeMs": None if usage.cpu_ns is None else round(usage.cpu_ns / 1_000_000),
        "oomKills": usage.oom_kills,
        "deniedForks": usage.forks_denied,
        "stdoutBytes": result.stdout_bytes,
        "stderrBytes": result.stderr_bytes,
        "leftOutBytes": result.left_out_bytes,
    }


def tell(ui: Ui, report: RunReport) -> None:
    """What the command itself could not say: nothing about its own plain status, whatever it is."""
    result, usage, cause = report.result, report.usage, report.cause
    if result.left_out_bytes:
        ui.note(f"[{result.left_out_bytes} bytes of output left out]")
    if cause.message and _is_news(report):
        likely = "likely: " if cause.likely else ""
        ui.warn(f"{likely}{cause.message}.", cause.hint)
    if result.failure is not None:
        ui.debug(result.failure.said)
    if result.container_ended:
        ui.warn(f"the sandbox {report.container} was stopped to end the command for certain.")
    ui.debug(
        f"{cause.reason.value} after {result.duration_s:.3f} s, "
        f"peak memory {usage.memory_peak_bytes or 'unknown'}, CPU {usage.cpu_ns or 'unknown'} ns, "
        f"{result.stdout_bytes} + {result.stderr_bytes} bytes of output"
    )


def _is_news(report: RunReport) -> bool:
    """A status of 128 + n that the command may have chosen itself is no news; neither is our own Ctrl-C."""
    from openclaw_sandbox.lifecycle.cause import Reason

    plain = report.cause.reason is Reason.KILLED and report.cause.likely
    return not plain and report.cause.reason is not Reason.CANCELLED
