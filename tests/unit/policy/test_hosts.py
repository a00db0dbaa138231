"""allowed_hosts and denied_hosts become the policy of a gateway."""

from __future__ import annotations

from openclaw_sandbox.config.origin import Location, Origin, OriginKind
from openclaw_sandbox.policy.egress import decide
from openclaw_sandbox.policy.findings import Findings
from openclaw_sandbox.policy.hosts import egress_of, host_values
from openclaw_sandbox.policy.model import Candidate, Severity


def entries(*texts: str) -> tuple[Candidate[str], ...]:
    return tuple(
        Candidate(
            origin=Origin(
                kind=OriginKind.FILE,
                key="sandbox.allowed_hosts",
                file="config.yml",
                locate=lambda line=line: Location(line=line, column=5),
            ),
            value=text,
        )
        for line, text in enumerate(texts, 3)
    )


def test_every_rule_knows_its_line() -> None:
    notes = Findings()
    hosts = {
        "allowed_hosts": entries("a.example", "*.b.example:8443"),
        "denied_hosts": entries("x.b.example"),
    }
    policy = egress_of(hosts, "none", notes)
    assert policy is not None
    assert policy.allow[1].origin == "config.yml:4 sandbox.allowed_hosts"
    assert decide(policy, "y.b.example", 8443).allowed
    assert not decide(policy, "x.b.example", 8443).allowed
    assert notes.found == []
    assert host_values(hosts)["allowed_hosts"].value == ["a.example", "*.b.example:8443"]


def test_without_an_allowed_host_there_is_no_gateway() -> None:
    notes = Findings()
    assert egress_of({}, "none", notes) is None
    assert egress_of({"allowed_hosts": (), "denied_hosts": entries("a.example")}, "none", notes) is None
    assert notes.found == []
    assert host_values({"allowed_hosts": ()}) == {}


def test_a_bad_entry_stops_the_run() -> None:
    notes = Findings()
    egress_of({"allowed_hosts": entries("*.com", "a.example")}, "none", notes)
    [finding] = notes.found
    assert (finding.code, finding.severity) == ("hosts.invalid", Severity.ERROR)
    assert "too wide" in finding.message


def test_a_network_of_its_own_goes_past_every_list() -> None:
    for hosts in ({"allowed_hosts": entries("a.example")}, {"denied_hosts": entries("a.example")}):
        notes = Findings()
        assert egress_of(hosts, "bridge", notes) is None
        assert [finding.code for finding in notes.found] == ["hosts.unenforced"]


def test_what_no_list_should_hold_is_said() -> None:
    notes = Findings()
    policy = egress_of({"allowed_hosts": entries("10.0.0.5:5432", "printer.local")}, "none", notes)
    assert policy is not None
    assert len(policy.allow) == 2
    assert [finding.code for finding in notes.found] == ["weak.host", "weak.host"]
