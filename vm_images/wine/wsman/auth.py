"""Who may come in: the users of the credentials file, by Basic or by NTLM, under "Negotiate" or under its own name."""

from __future__ import annotations

import binascii
import hmac
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .ntlm import Exchange

CHALLENGES = ("Negotiate", 'Basic realm="WSMAN"')

_NTLM_NEGOTIATE = b"NTLMSSP\0\1\0\0\0"


class RejectedError(Exception):
    """A token or message is malformed, changed or out of order, the user unknown or the password wrong."""


class Users:
    """Names and passwords: lines `DOMAIN:NAME:PASSWORD`, a line for each domain under which a name is known.

    That is the file of pyspnego and of gss-ntlmssp. Domains may be empty; case does not count in them nor in names.
    Raises OSError, ValueError.
    """

    def __init__(self, text: str) -> None:
        self._passwords: dict[tuple[str, str], bytes] = {}
        for number, line in enumerate(text.splitlines(), 1):
            parts = line.split(":")
            if len(parts) != 3 or not parts[1] or not parts[2]:
                raise ValueError(f"line {number} is not DOMAIN:NAME:PASSWORD")
            domain, name, password = parts
            self._passwords.setdefault((domain.upper(), name.upper()), password.encode())
        if not self._passwords:
            raise ValueError("there is no user in it")

    @classmethod
    def read(cls, path: Path) -> Users:
        return cls(path.read_text(encoding="utf-8"))

    def accepts(self, name: str, password: bytes) -> bool:
        domain, _, name = name.upper().rpartition("\\")
        known = self._passwords.get((domain, name))
        return hmac.compare_digest(known or b"\0", password) and known is not None


class Login:
    """The state of one connection: NTLM authenticates connections, Basic single requests."""

    def __init__(self, users: Users) -> None:
        self._users = users
        self._exchange: Exchange | None = None
        self.session: Exchange | None = None

    def admit(self, authorization: str) -> tuple[bool, tuple[str, ...]]:
        """Whether the request may pass, and otherwise the WWW-Authenticate values to answer."""
        scheme, _, value = authorization.partition(" ")
        scheme = scheme.lower()
        if not scheme:
            return self.session is not None, CHALLENGES
        try:
            token = binascii.a2b_base64(value.strip())
            if scheme == "basic":
                return self._basic(token), CHALLENGES
            if scheme in ("negotiate", "ntlm"):
                return self._negotiate(scheme, token)
        except (binascii.Error, RejectedError):
            self._exchange = None
        return False, CHALLENGES

    def _basic(self, token: bytes) -> bool:
        name, _, password = token.partition(b":")
        return self._users.accepts(name.decode("utf-8", "replace"), password)

    def _negotiate(self, scheme: str, token: bytes) -> tuple[bool, tuple[str, ...]]:
        if token.startswith(_NTLM_NEGOTIATE):
            from .ntlm import Exchange  # late: the service listens before this is loaded

            self.session, self._exchange = None, Exchange()
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            raise RejectedError("no exchange was begun")
        answer = exchange.step(token)
        if exchange.complete:
            self.session = exchange
            return True, ()
        self._exchange = exchange
        text = binascii.b2a_base64(answer, newline=False).decode()
        return False, (f"{'NTLM' if scheme == 'ntlm' else 'Negotiate'} {text}",)
