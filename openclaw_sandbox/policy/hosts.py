"""allowed_hosts and denied_hosts of config.yml, as the policy of a gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openclaw_sandbox.policy.egress import EgressPolicy, EgressRule, parse_rule, why_never
from openclaw_sandbox.policy.model import Resolved

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openclaw_sandbox.policy.findings import Findings
    from openclaw_sandbox.policy.model import Candidate

    Entries = Sequence[Candidate[Any]]


def egress_of(hosts: Mapping[str, Entries], network: str, notes: Findings) -> EgressPolicy | None:
    """What the lists say; None where no host is allowed: then there is no way out that could be bounded.

    Every entry counts, those of the file and those of the agent. Never raises: what cannot be enforced is
    noted as an error.
    """
    allowed, denied = hosts.get("allowed_hosts", ()), hosts.get("denied_hosts", ())
    if network != "none" and (allowed or denied):
        key, first = ("allowed_hosts", allowed[0]) if allowed else ("denied_hosts", denied[0])
        notes.error(
            "hosts.unenforced",
            f'{key} cannot be enforced in the network "{network}": it goes past the gateway.',
            hint="Add network_policy: deny-by-default to config.yml.",
            origin=first.origin,
        )
        return None
    deny = _rules("denied_hosts", denied, notes)
    allow = _rules("allowed_hosts", allowed, notes)
    return EgressPolicy(allow=allow, deny=deny) if allow else None


def host_values(hosts: Mapping[str, Entries]) -> dict[str, Resolved[Any]]:
    """The lists as values, for whoever shows the policy. The last entry's place stands for its list."""
    return {
        key: Resolved(key=key, value=[entry.value for entry in entries], origin=entries[-1].origin)
        for key, entries in hosts.items()
        if entries
    }


def _rules(key: str, entries: Entries, notes: Findings) -> tuple[EgressRule, ...]:
    found = []
    for entry in entries:
        try:
            rule = parse_rule(str(entry.value), origin=entry.origin.text(), deny=key == "denied_hosts")
        except ValueError as error:
            hint = "Write a name, *.suffix, or an address, with :PORT where it is not 80 and 443."
            notes.error("hosts.invalid", f"{key}: {error}.", hint=hint, origin=entry.origin)
            continue
        if key == "allowed_hosts" and (reason := why_never(rule.host)):
            message = f"allowed_hosts opens {rule.text} to sandboxes: {reason}."
            notes.warn("weak.host", message, hint="Remove it unless it must be.", origin=entry.origin)
        found.append(rule)
    return tuple(found)
