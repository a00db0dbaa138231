"""`completion`: the script that lets a shell complete verbs, flags, agents and sessions."""

from __future__ import annotations

import enum
from typing import Annotated

import typer

from openclaw_sandbox.cli import options
from openclaw_sandbox.cli.completing import LINE
from openclaw_sandbox.cli.ui import COMPLETION_VARIABLE as VARIABLE
from openclaw_sandbox.cli.ui import PROG, ColorChoice, Ui

EXAMPLES = """
source <(openclaw-sandbox completion bash)                  (in ~/.bashrc)
source <(openclaw-sandbox completion zsh)                   (in ~/.zshrc)
openclaw-sandbox completion fish | source                   (in config.fish)
"""


class Shell(enum.Enum):
    """The shells there is a script for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


#: bash cuts words at : and =, and a session key has colons: what stands before the cut is taken off again.
_BASH = f"""\
_openclaw_sandbox() {{
    local line=${{COMP_LINE:0:COMP_POINT}} marks= typed before=
    mapfile -t COMPREPLY < <({LINE}=$line {VARIABLE}=bash "$1" 2>/dev/null)
    typed=${{line##*[[:space:]]}}
    [[ $COMP_WORDBREAKS == *:* ]] && marks+=:
    [[ $COMP_WORDBREAKS == *=* ]] && marks+==
    [[ -n $marks ]] && before=${{typed%"${{typed##*[$marks]}}"}}
    COMPREPLY=("${{COMPREPLY[@]#"$before"}}")
}}
complete -o default -F _openclaw_sandbox {PROG}
"""

_ZSH = f"""\
#compdef {PROG}
_openclaw_sandbox() {{
    local -a offered
    offered=("${{(@f)$({LINE}="${{(j: :)words[1,CURRENT]}}" {VARIABLE}=zsh ${{words[1]}} 2>/dev/null)}}")
    if [[ -n ${{offered[1]}} ]]; then
        _describe {PROG} offered
    else
        _files
    fi
}}
(( $+functions[compdef] )) || {{ autoload -Uz compinit && compinit; }}
compdef _openclaw_sandbox {PROG}
"""

_FISH = f"""\
function __openclaw_sandbox_offers
    {LINE}=(commandline -cp) {VARIABLE}=fish {PROG} 2>/dev/null
end
complete --command {PROG} --arguments '(__openclaw_sandbox_offers)'
"""

SCRIPTS = {Shell.BASH: _BASH, Shell.ZSH: _ZSH, Shell.FISH: _FISH}


def completion(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    color: options.Color = ColorChoice.AUTO,
) -> int:
    """Print the script that makes a shell complete verbs, flags, agents and sessions."""
    ui = Ui(as_json=as_json, quiet=quiet, verbose=verbose, color=color)
    if as_json:
        ui.json({"shell": shell.value, "script": SCRIPTS[shell]})
    else:
        ui.out(SCRIPTS[shell])
    return 0
