"""NTLM by pyspnego, which reads users and passwords where NTLM_USER_FILE points to.

The only module that imports it: that takes longer than all the rest of the service.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from types import ModuleType

from .auth import RejectedError


def _without_its_init(name: str) -> ModuleType:
    """The package as one whose __init__ is empty. pyspnego's loads Kerberos, CredSSP, TLS: a quarter of the time."""
    spec = find_spec(name)
    package = ModuleType(name)
    package.__path__ = list(spec.submodule_search_locations or ()) if spec else []
    return package


sys.modules.setdefault("spnego", _without_its_init("spnego"))

from spnego._context import ContextReq  # noqa: E402
from spnego._ntlm import NTLMProxy  # noqa: E402
from spnego.exceptions import SpnegoError  # noqa: E402


class Exchange:
    """The server's side of one logon; when it is complete, the keeper of the session's keys."""

    def __init__(self) -> None:
        self._context = NTLMProxy(usage="accept")

    @property
    def complete(self) -> bool:
        return self._context.complete

    def step(self, token: bytes) -> bytes:
        """The answer to the client's token, empty when none is due. Raises RejectedError."""
        try:
            return self._context.step(token) or b""
        except Exception as error:  # of any type, whatever its parser stumbles over
            raise RejectedError(str(error)) from None

    def seal(self, message: bytes) -> tuple[bytes, bytes]:
        """Returns the signature and the sealed message."""
        sealed = self._context.wrap_winrm(message)
        return sealed.header, sealed.data

    def unseal(self, signature: bytes, sealed: bytes) -> bytes:
        """Raises RejectedError if the message was changed, is out of order, or sealing was not agreed on."""
        if not self._context.context_attr & ContextReq.confidentiality:
            raise RejectedError("the logon was one without encryption")
        try:
            return self._context.unwrap_winrm(signature, sealed)
        except SpnegoError as error:
            raise RejectedError(str(error)) from None
