"""Message encryption of WinRM (MS-WSMV 2.2.9.1): a sealed SOAP message in a MIME-like envelope."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from .auth import RejectedError

if TYPE_CHECKING:
    from .ntlm import Exchange

PROTOCOL = "application/HTTP-SPNEGO-session-encrypted"
CONTENT_TYPE = f'multipart/encrypted;protocol="{PROTOCOL}";boundary="Encrypted Boundary"'

_BOUNDARY = b"--Encrypted Boundary"
_PART = re.compile(rb"Content-Type:\s*application/octet-stream\r\n", re.IGNORECASE)
_LENGTH = re.compile(rb"OriginalContent:[^\r\n]*Length=(\d+)", re.IGNORECASE)


def decrypt(session: Exchange, body: bytes) -> bytes:
    """Raises RejectedError if the envelope is malformed or the message was changed."""
    part = _PART.search(body)
    length = _LENGTH.search(body, 0, part.start() if part else 0)
    end = body.rfind(_BOUNDARY)
    if not part or not length or end < part.end() + 20:
        raise RejectedError("not an encrypted message")
    (signature_length,) = struct.unpack_from("<I", body, part.end())
    if signature_length != 16:
        raise RejectedError("not an NTLM signature")
    sealed_at = part.end() + 4 + signature_length
    message = session.unseal(body[part.end() + 4 : sealed_at], body[sealed_at:end])
    if len(message) != int(length.group(1)):
        raise RejectedError("the message has not the length that was announced")
    return message


def encrypt(session: Exchange, message: bytes) -> bytes:
    signature, sealed = session.seal(message)
    # The tabs before the part headers are what Windows sends and clients look for.
    return b"".join(
        (
            _BOUNDARY,
            b"\r\n\tContent-Type: ",
            PROTOCOL.encode(),
            b"\r\n\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=%d\r\n" % len(message),
            _BOUNDARY,
            b"\r\n\tContent-Type: application/octet-stream\r\n",
            struct.pack("<I", len(signature)),
            signature,
            sealed,
            _BOUNDARY,
            b"--\r\n",
        )
    )
