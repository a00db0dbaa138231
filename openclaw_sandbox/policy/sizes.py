"""Sizes, which both config files write: see `config.sizes`."""

from openclaw_sandbox.config.sizes import human_size, size_bytes

__all__ = ["human_size", "size_bytes"]
