"""A transport that waits less than its callers would: for questions whose answer is only nice to have."""

from __future__ import annotations

from openclaw_sandbox.engine.docker.wire import Response, UnixTransport


class ImpatientTransport(UnixTransport):
    """A unix socket with a ceiling on every deadline, in seconds."""

    def __init__(self, path: str, *, patience_s: float) -> None:
        super().__init__(path)
        self._patience_s = patience_s

    def request(self, method: str, path: str, *, body: object = None, timeout_s: float) -> Response:
        """See Transport."""
        return super().request(method, path, body=body, timeout_s=min(timeout_s, self._patience_s))
