"""Desired plus observed to actions, and what carries them out: ensure, run, list, recreate, prune."""
