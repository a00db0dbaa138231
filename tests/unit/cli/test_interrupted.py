"""An interrupt at a moment at which Python hides it in another exception."""

from __future__ import annotations

import pytest

from openclaw_sandbox import __main__ as program
from openclaw_sandbox.cli import app, tree


class Interrupting:
    """A field of a class that is made at the moment of the interrupt."""

    def __init__(self, interrupt: BaseException) -> None:
        self.interrupt = interrupt

    def __set_name__(self, _owner: type, _name: str) -> None:
        raise self.interrupt


INTERRUPTS = [(KeyboardInterrupt(), 130), (app.Terminated(15), 143), (app.Terminated(1), 129)]


@pytest.mark.parametrize(("interrupt", "status"), INTERRUPTS)
def test_while_a_verb_loads_its_modules(
    interrupt: BaseException,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def load(*_: object) -> object:
        return type("Blueprint", (), {"policy": Interrupting(interrupt)})

    monkeypatch.setattr(tree, "command_tree", load)
    assert app.run_cli(["list"]) == status
    assert capsys.readouterr() == ("", "")


def test_while_the_program_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(_argv: object) -> int:
        type("Verb", (), {"target": Interrupting(KeyboardInterrupt())})
        return 0

    monkeypatch.setattr(app, "run_cli", load)
    monkeypatch.setattr(program, "_complete_standard_streams", lambda: None)
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert ended.value.code == 130
