"""Engines make a ContainerSpec real. `base` is the contract."""
