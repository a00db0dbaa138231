"""Proof: benign attempts to break out of the operator's own sandbox, against what its policy promises."""
