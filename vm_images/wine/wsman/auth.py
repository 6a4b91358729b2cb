"""Who may come in: the users of the credentials file, by Basic or by NTLM under "Negotiate"."""

from __future__ import annotations

import binascii
import hmac
from pathlib import Path

from .ntlm import SIGNATURE, Exchange, RejectedError, Session, password_hash

CHALLENGES = ("Negotiate", 'Basic realm="WSMAN"')


class Users:
    """Names and passwords: lines `NAME:PASSWORD`; names ignore case. Raises OSError, ValueError."""

    def __init__(self, text: str, computer: str) -> None:
        self.computer = computer
        self._passwords: dict[str, bytes] = {}
        self.hashes: dict[str, bytes] = {}
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            name, colon, password = line.partition(":")
            if not colon or not name or not password:
                raise ValueError(f"line {number} is not NAME:PASSWORD")
            self._passwords[name.lower()] = password.encode()
            self.hashes[name.lower()] = password_hash(password)
        if not self.hashes:
            raise ValueError("there is no user in it")

    @classmethod
    def read(cls, path: Path, computer: str) -> Users:
        return cls(path.read_text(encoding="utf-8"), computer)

    def accepts(self, name: str, password: bytes) -> bool:
        known = self._passwords.get(name.rpartition("\\")[2].lower())
        return hmac.compare_digest(known or b"\0", password) and known is not None


class Login:
    """The state of one connection: NTLM authenticates connections, Basic single requests."""

    def __init__(self, users: Users) -> None:
        self._users = users
        self._exchange: Exchange | None = None
        self.session: Session | None = None

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
        if token[8:12] == b"\1\0\0\0" and token.startswith(SIGNATURE):
            self.session = None
            self._exchange = Exchange(self._users.hashes, self._users.computer)
            answer = binascii.b2a_base64(self._exchange.challenge(token), newline=False).decode()
            return False, (f"{'NTLM' if scheme == 'ntlm' else 'Negotiate'} {answer}",)
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            raise RejectedError("no exchange was begun")
        self.session = exchange.authenticate(token)
        return True, ()
