"""What can be wrong with a message that arrived whole."""

from __future__ import annotations


class MalformedMessageError(ValueError):
    """A packet's payload is not a message that this client knows. The link goes on; the log says so."""
