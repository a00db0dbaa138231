"""Which verbs there are, and where each is."""

from __future__ import annotations

from openclaw_sandbox.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Verb:
    """`target` is module:function, or module:app for a group of verbs.

    `passes_on` verbs hand everything after the first word to a command.
    """

    target: str
    passes_on: bool = False


#: In the order of `--help`. A new verb is one file (a function, and EXAMPLES for its help) and one line here.
VERBS = {
    "setup": Verb("openclaw_sandbox.cli.setup:setup"),
    "run": Verb("openclaw_sandbox.cli.run:run", passes_on=True),
    "shell": Verb("openclaw_sandbox.cli.shell:shell"),
    "logs": Verb("openclaw_sandbox.cli.jobs:logs"),
    "attach": Verb("openclaw_sandbox.cli.jobs:attach"),
    "stop": Verb("openclaw_sandbox.cli.jobs:stop"),
    "cp": Verb("openclaw_sandbox.cli.cp:cp"),
    "list": Verb("openclaw_sandbox.cli.list:list_sandboxes"),
    "ensure": Verb("openclaw_sandbox.cli.ensure:ensure"),
    "recreate": Verb("openclaw_sandbox.cli.recreate:recreate"),
    "prune": Verb("openclaw_sandbox.cli.prune:prune"),
    "explain": Verb("openclaw_sandbox.cli.explain:explain"),
    "config": Verb("openclaw_sandbox.cli.config:config"),
    "egress": Verb("openclaw_sandbox.cli.egress:egress"),
    "verify": Verb("openclaw_sandbox.cli.verify:verify"),
    "doctor": Verb("openclaw_sandbox.cli.doctor:doctor"),
    "completion": Verb("openclaw_sandbox.cli.completion:completion"),
}
