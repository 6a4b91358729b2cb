"""HTTPS to a guest whose certificate the lab itself made: that certificate and no other is accepted, while it is valid.

Names do not count, for the guest is reached by a forwarded port of this host.
"""

from __future__ import annotations

import ssl
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from requests.adapters import HTTPAdapter


class PinnedAdapter(HTTPAdapter):
    """For a `requests` session. Raises ValueError when `certificate` is no PEM certificate."""

    def __init__(self, certificate: str) -> None:
        self._fingerprint = x509.load_pem_x509_certificate(certificate.encode()).fingerprint(hashes.SHA256()).hex()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.check_hostname = False
        self._context.load_verify_locations(cadata=certificate)
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        options |= {"ssl_context": self._context, "assert_hostname": False, "assert_fingerprint": self._fingerprint}
        super().init_poolmanager(*arguments, **options)

    def cert_verify(self, conn: Any, url: str, verify: bool | str, cert: Any) -> None:
        """Adds nothing: the public authorities that it would add could vouch for no guest."""
