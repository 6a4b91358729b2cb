"""Where another debugger can attach to the target that we hold: a socket on which we speak the target's side."""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
import threading
import time
from pathlib import Path

from lab.errors import InfrastructureError, LabError
from lab.kd.client import KdClient
from lab.kd.log import KdLog
from lab.kd.peer import ERASE_WITHIN, Peer
from lab.kd.transport import SocketTransport
from lab.socket_address import socket_address

logger = logging.getLogger(__name__)

LEAVES_WITHIN = 0.3
"""A debugger that was replaced by the next one may take so long to be seen leaving."""
CLOSE_WITHIN = 2.0
RETRY_AFTER = 1.0
_CREDENTIALS = struct.Struct("3i")


class Bridge:
    """Listens on a unix socket; one debugger at a time. Without one it costs nothing."""

    def __init__(self, path: Path, client: KdClient, log: KdLog | None = None) -> None:
        """Raises InfrastructureError when the socket cannot be made."""
        self._client = client
        self._log = log
        self._peer: Peer | None = None
        self._who = ""
        self._closing = False
        self._serving: threading.Thread | None = None
        self._listener = _listen(path)
        self._thread = threading.Thread(target=self._accept, name="kd-bridge", daemon=True)

    def start(self) -> None:
        """Begin to accept debuggers."""
        self._thread.start()

    def close(self) -> None:
        """Send an attached debugger away and listen no more. The client stays open."""
        self._closing = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        if self._thread.is_alive():
            self._thread.join(CLOSE_WITHIN)
        self._listener.close()
        peer, serving = self._peer, self._serving
        if peer and serving:
            peer.send_away("was sent away: the lab ends")
            serving.join(ERASE_WITHIN + CLOSE_WITHIN)

    @property
    def attached(self) -> str | None:
        """Who is attached; None for nobody."""
        return self._who if self._peer else None

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError as error:
                if self._closing:
                    return
                logger.warning("a debugger could not be accepted: %s", error)
                time.sleep(RETRY_AFTER)
                continue
            who = _name_of(connection)
            if self._busy():
                connection.close()
                self._note(f"debugger refused: {who}; {self._who} is attached", debugger="refused")
                continue
            self._who = who
            self._peer = Peer(SocketTransport(connection), self._client)
            self._serving = threading.Thread(target=self._serve, args=(self._peer,), name="kd-peer", daemon=True)
            self._serving.start()

    def _busy(self) -> bool:
        """Is a debugger attached that stays?"""
        if self._peer is None or self._serving is None:
            return False
        self._serving.join(LEAVES_WITHIN)
        if self._peer is not None and self._peer.leaving:
            self._serving.join(ERASE_WITHIN + CLOSE_WITHIN)
        return self._serving.is_alive()

    def _serve(self, peer: Peer) -> None:
        self._note(f"debugger attached: {self._who}", debugger="attached")
        how = "left"
        try:
            how = peer.serve()
        except LabError as error:
            how = f"could not be attached: {error}"
        finally:
            self._peer = None
            self._note(f"debugger {how} ({self._who})", debugger="left")

    def _note(self, text: str, **extras: str) -> None:
        if self._log:
            self._log.note(text, **extras)


def _listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        with socket_address(path) as address:
            listener.bind(address)
        listener.listen(4)
    except OSError as error:
        listener.close()
        raise InfrastructureError(
            f"cannot listen on {path}: {error.strerror}", "may its directory be written?"
        ) from error
    return listener


def _name_of(connection: socket.socket) -> str:
    """The process on the other end."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid = _CREDENTIALS.unpack(raw)[0]
    try:
        return f"{Path(f'/proc/{pid}/comm').read_text().strip()}, process {pid}"
    except OSError:
        return f"process {pid}"
