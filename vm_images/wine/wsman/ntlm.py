"""The server's side of NTLMv2 (MS-NLMP): challenge, check of the answer, sealing of messages.

Asks for what WinRM clients offer: Unicode, extended session security, 128-bit keys, key exchange, signing and
sealing. NTLMv1 and anonymous logons are refused.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
import time

from .libcrypto import RC4, md4

SIGNATURE = b"NTLMSSP\0"

_UNICODE = 0x00000001
_REQUEST_TARGET = 0x00000004
_SIGN = 0x00000010
_SEAL = 0x00000020
_NTLM = 0x00000200
_ALWAYS_SIGN = 0x00008000
_TARGET_SERVER = 0x00020000
_EXTENDED_SECURITY = 0x00080000
_TARGET_INFO = 0x00800000
_VERSION = 0x02000000
_KEY_128 = 0x20000000
_KEY_EXCHANGE = 0x40000000
_KEY_56 = 0x80000000

_REQUIRED = _UNICODE | _EXTENDED_SECURITY | _KEY_128
_OPTIONAL = _SIGN | _SEAL | _ALWAYS_SIGN | _VERSION | _KEY_EXCHANGE | _KEY_56
_OURS = _REQUEST_TARGET | _NTLM | _TARGET_SERVER | _TARGET_INFO

_AV_END, _AV_COMPUTER, _AV_DOMAIN, _AV_DNS_COMPUTER, _AV_FLAGS, _AV_TIMESTAMP = 0, 1, 2, 3, 6, 7
_AV_FLAG_MIC = 2
_MIC_AT = slice(72, 88)
_EPOCH_1601 = 11644473600


class RejectedError(Exception):
    """The token is malformed, the user unknown or the password wrong."""


class Sealer:
    """One direction of a session: seals or unseals its messages in their order."""

    def __init__(self, session_key: bytes, direction: bytes, exchanged: bool) -> None:
        magic = b"session key to " + direction + b" %s key magic constant\0"
        self._sign_key = hashlib.md5(session_key + magic % b"signing", usedforsecurity=False).digest()
        self._cipher = RC4(hashlib.md5(session_key + magic % b"sealing", usedforsecurity=False).digest())
        self._exchanged = exchanged
        self._sequence = 0

    def _signature(self, message: bytes) -> bytes:
        sequence = struct.pack("<I", self._sequence & 0xFFFFFFFF)
        checksum = hmac.digest(self._sign_key, sequence + message, "md5")[:8]
        self._sequence += 1
        return b"\1\0\0\0" + (self._cipher.update(checksum) if self._exchanged else checksum) + sequence

    def seal(self, message: bytes) -> tuple[bytes, bytes]:
        """Returns the signature and the sealed message."""
        sealed = self._cipher.update(message)
        return self._signature(message), sealed

    def unseal(self, signature: bytes, sealed: bytes) -> bytes:
        """Raises RejectedError if the message was changed or is out of order."""
        message = self._cipher.update(sealed)
        if not hmac.compare_digest(self._signature(message), signature):
            raise RejectedError("the signature does not fit the message")
        return message


class Session:
    """What an accepted exchange gives: the keys of both directions."""

    def __init__(self, user: str, key: bytes, exchanged: bool) -> None:
        self.user = user
        self.incoming = Sealer(key, b"client-to-server", exchanged)
        self.outgoing = Sealer(key, b"server-to-client", exchanged)


def password_hash(password: str) -> bytes:
    return md4(password.encode("utf-16-le"))


def _field(token: bytes, at: int) -> bytes:
    length, _, offset = struct.unpack_from("<HHI", token, at)
    if offset + length > len(token):
        raise RejectedError("a field lies outside of the message")
    return token[offset : offset + length]


def _av_pairs(data: bytes) -> dict[int, bytes]:
    pairs: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(data):
        kind, length = struct.unpack_from("<HH", data, at)
        if kind == _AV_END:
            break
        pairs[kind] = data[at + 4 : at + 4 + length]
        at += 4 + length
    return pairs


def _av_pack(pairs: dict[int, bytes]) -> bytes:
    packed = b"".join(struct.pack("<HH", kind, len(value)) + value for kind, value in pairs.items())
    return packed + struct.pack("<HH", _AV_END, 0)


class Exchange:
    """One logon: `challenge` answers the client's first token, `authenticate` checks the second.

    `hashes` maps user names in lower case to `password_hash(password)`.
    """

    def __init__(self, hashes: dict[str, bytes], computer: str) -> None:
        self._hashes = hashes
        self._computer = computer
        self._negotiate = b""
        self._challenge = b""
        self._nonce = os.urandom(8)

    def challenge(self, negotiate: bytes) -> bytes:
        if len(negotiate) < 16 or not negotiate.startswith(SIGNATURE + b"\1\0\0\0"):
            raise RejectedError("not an NTLM negotiate message")
        (offered,) = struct.unpack_from("<I", negotiate, 12)
        if offered & _REQUIRED != _REQUIRED:
            raise RejectedError("the client does not offer Unicode, extended session security and 128-bit keys")
        flags = _REQUIRED | _OURS | offered & _OPTIONAL
        name = self._computer.upper().encode("utf-16-le")
        info = _av_pack(
            {
                _AV_DOMAIN: name,
                _AV_COMPUTER: name,
                _AV_DNS_COMPUTER: self._computer.encode("utf-16-le"),
                _AV_TIMESTAMP: struct.pack("<Q", int((time.time() + _EPOCH_1601) * 10_000_000)),
            }
        )
        head = struct.pack(
            "<8sIHHII8s8sHHI8s",
            SIGNATURE,
            2,
            len(name),
            len(name),
            56,
            flags,
            self._nonce,
            b"",
            len(info),
            len(info),
            56 + len(name),
            struct.pack("<BBH3xB", 10, 0, 19043, 15),
        )
        self._negotiate = negotiate
        self._challenge = head + name + info
        return self._challenge

    def authenticate(self, token: bytes) -> Session:
        if not self._challenge or len(token) < 64 or not token.startswith(SIGNATURE + b"\3\0\0\0"):
            raise RejectedError("not an NTLM authenticate message")
        response = _field(token, 20)
        domain = _field(token, 28).decode("utf-16-le", "replace")
        user = _field(token, 36).decode("utf-16-le", "replace")
        (flags,) = struct.unpack_from("<I", token, 60)
        stored = self._hashes.get(user.lower())
        if stored is None or len(response) < 44:
            raise RejectedError("unknown user, or not NTLMv2")

        owf = hmac.digest(stored, (user.upper() + domain).encode("utf-16-le"), "md5")
        proof = hmac.digest(owf, self._nonce + response[16:], "md5")
        if not hmac.compare_digest(proof, response[:16]):
            raise RejectedError("wrong password")
        key = hmac.digest(owf, proof, "md5")
        exchanged = bool(flags & _KEY_EXCHANGE)
        if exchanged and flags & (_SIGN | _SEAL):
            key = RC4(key).update(_field(token, 52))
        self._check_integrity(key, token, _av_pairs(response[44:]))
        return Session(user, key, exchanged)

    def _check_integrity(self, key: bytes, token: bytes, pairs: dict[int, bytes]) -> None:
        if not pairs.get(_AV_FLAGS, b"\0")[0] & _AV_FLAG_MIC:
            return
        blank = token[: _MIC_AT.start] + bytes(16) + token[_MIC_AT.stop :]
        expected = hmac.digest(key, self._negotiate + self._challenge + blank, "md5")
        if not hmac.compare_digest(expected, token[_MIC_AT]):
            raise RejectedError("the exchange was changed on its way")
