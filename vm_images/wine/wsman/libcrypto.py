"""MD4 and RC4, which NTLM is made of and which `hashlib` no longer has, from OpenSSL's library."""

from __future__ import annotations

import ctypes

_lib = ctypes.CDLL("libcrypto.so.3")
_lib.MD4.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p]
_lib.RC4_set_key.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p]
_lib.RC4.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_char_p]

_RC4_KEY_SIZE = 4 * (2 + 256)


def md4(data: bytes) -> bytes:
    digest = ctypes.create_string_buffer(16)
    _lib.MD4(data, len(data), digest)
    return digest.raw


class RC4:
    """A key stream that goes on from call to call."""

    def __init__(self, key: bytes) -> None:
        self._state = ctypes.create_string_buffer(_RC4_KEY_SIZE)
        _lib.RC4_set_key(self._state, len(key), key)

    def update(self, data: bytes) -> bytes:
        result = ctypes.create_string_buffer(len(data))
        _lib.RC4(self._state, len(data), data, result)
        return result.raw
