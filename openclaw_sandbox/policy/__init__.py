"""Layers plus an agent and a session to an EffectivePolicy. Pure: no process, no socket, no clock."""
