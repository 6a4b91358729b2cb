"""Between a client and a service: HTTPS for one that only speaks HTTP, and ways for a connection to break."""

from __future__ import annotations

import datetime
import select
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID


def write_certificate(directory: Path, valid_days: float = 30) -> tuple[Path, Path]:
    """A small self-signed certificate and its key, both PEM; with a negative number it has expired."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lab-guest")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=60))
        .not_valid_after(now + datetime.timedelta(days=valid_days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    directory.mkdir(exist_ok=True)
    pem, private = directory / "certificate.pem", directory / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return pem, private


class Front:
    """Listens on loopback and hands the bytes on to `port`; connections that it does not admit are cut.

    `admits` is asked for each.
    """

    def __init__(self, port: int, admits: Callable[[], bool] = lambda: True) -> None:
        self._behind = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self.refusing = False
        self.refused = 0
        self._admits = admits
        threading.Thread(target=self._accept, daemon=True).start()

    def drop(self) -> None:
        """Break every connection that there is, and take no new one until `refusing` is False again."""
        self.refusing = True
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.drop()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                if self.refusing or not self._admits():
                    self.refused += 1
                    connection.close()
                else:
                    threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with (
            suppress(OSError),
            self._greet(connection) as outside,
            socket.create_connection(("127.0.0.1", self._behind)) as inside,
        ):
            self._open.append(outside)
            _pump(outside, inside)

    def _greet(self, connection: socket.socket) -> socket.socket:
        """What begins on a connection before its bytes are handed on."""
        return connection


class TlsFront(Front):
    """Takes TLS off."""

    def __init__(self, port: int, certificate: Path, key: Path, admits: Callable[[], bool] = lambda: True) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        super().__init__(port, admits)

    def _greet(self, connection: socket.socket) -> socket.socket:
        return self._context.wrap_socket(connection, server_side=True)


def _pump(outside: socket.socket, inside: socket.socket) -> None:
    while True:
        read_ahead = isinstance(outside, ssl.SSLSocket) and outside.pending()
        waiting = [] if read_ahead else [outside, inside]
        ready = select.select(waiting, [], [])[0] if waiting else [outside]
        for source, target in ((outside, inside), (inside, outside)):
            if source in ready:
                data = source.recv(1 << 16)
                if not data:
                    return
                target.sendall(data)
