"""A unit test stays inside its process."""

from tests.fence import stays_inside

__all__ = ["stays_inside"]
