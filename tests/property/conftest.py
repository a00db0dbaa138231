"""A property test stays inside its process, like a unit test."""

from tests.fence import stays_inside

__all__ = ["stays_inside"]
