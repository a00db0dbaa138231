"""How the catalogue's tables are written: one row a probe."""

from __future__ import annotations

from dataclasses import dataclass

from openclaw_sandbox.verify.model import Category, Probe, Severity


@dataclass(frozen=True, slots=True)
class Rows:
    """Makes the rows of one category. `flags` are of "gates", "slow" and "heavy", as Probe explains them."""

    category: Category

    def __call__(
        self, name: str, severity: Severity, attempted: str, risk: str, *flags: str, fix: str = ""
    ) -> Probe:
        """One probe; `fix` is its setting."""
        return Probe(
            id=name,
            category=self.category,
            severity=severity,
            attempted=attempted,
            risk=risk,
            setting=fix,
            gates="gates" in flags,
            slow="slow" in flags,
            heavy="heavy" in flags,
        )
