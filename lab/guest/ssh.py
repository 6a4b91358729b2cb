"""Files to and from the guest over SFTP. Guest paths are Windows paths (`C:\\lab\\bin`), as everywhere in the lab."""

from __future__ import annotations

import base64
import gzip
import logging
import socket
import time
from pathlib import Path

import paramiko

from lab.errors import GuestLostError, HungError, InfrastructureError
from lab.guest.remote import Remote

# What goes wrong is raised; without a handler paramiko's threads would also print it, with tracebacks.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

CONNECT_DEADLINE = 30.0
TRANSFER_DEADLINE = 60.0
RETRY_PAUSE = 0.2
PIECE = 1 << 18
AHEAD = 64
"""Requests under way at a time."""
COMPRESSION = 1
"""A dump is mostly zeros: more effort gains a tenth, and takes ten times as long."""


class Sftp:
    """One SFTP connection, opened at the first use and opened again when the guest has forgotten it."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._transport: paramiko.Transport | None = None
        self._client: paramiko.SFTPClient | None = None

    def put(self, data: bytes | Path, remote: str) -> None:
        """Write a file into the guest; a reader there sees the old or the new one, never half.

        Raises GuestLostError when the guest cannot be reached, InfrastructureError when it refuses.
        """
        content = data.read_bytes() if isinstance(data, Path) else data
        path = _sftp_path(remote)
        temporary = f"{path}.new"
        client = self._connected()
        try:
            with client.open(temporary, "wb") as file:
                file.set_pipelined(True)
                file.write(content)
            client.posix_rename(temporary, path)
        except OSError as error:
            raise self._failed("write", remote, error) from None
        except (paramiko.SSHException, EOFError) as error:
            raise self._lost(error) from None

    def get(self, remote: str) -> bytes:
        """Read a file of the guest. Raises FileNotFoundError, GuestLostError, InfrastructureError."""
        client = self._connected()
        try:
            with client.open(_sftp_path(remote), "rb") as file:
                file.prefetch()
                return file.read()
        except FileNotFoundError:
            raise FileNotFoundError(remote) from None
        except OSError as error:
            raise self._failed("read", remote, error) from None
        except (paramiko.SSHException, EOFError) as error:
            raise self._lost(error) from None

    def modified(self, remote: str) -> float | None:
        """When a file was last written, in seconds since 1970 by the guest's clock; None when there is no such file.

        Raises GuestLostError, InfrastructureError.
        """
        client = self._connected()
        try:
            return client.stat(_sftp_path(remote)).st_mtime
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failed("look at", remote, error) from None
        except (paramiko.SSHException, EOFError) as error:
            raise self._lost(error) from None

    def fetch(self, remote: str, to: Path, within: float) -> None:
        """Bring a large file of the guest to `to`, compressed with gzip on the way; `to` is whole or not there.

        Raises HungError after `within` seconds, GuestLostError, InfrastructureError.
        """
        deadline = time.monotonic() + within
        client = self._connected()
        partial = to.with_name(f".{to.name}.part")
        try:
            with client.open(_sftp_path(remote), "rb") as file, gzip.open(partial, "wb", COMPRESSION) as copy:
                file.prefetch(max_concurrent_requests=AHEAD)
                while data := file.read(PIECE):
                    copy.write(data)
                    if time.monotonic() > deadline:
                        raise HungError(f"{remote} did not come within {within:.0f} s")
            partial.replace(to)
        except OSError as error:
            raise self._failed("read", remote, error) from None
        except (paramiko.SSHException, EOFError) as error:
            raise self._lost(error) from None
        finally:
            partial.unlink(missing_ok=True)

    def wait_ready(self, deadline: float) -> None:
        """Connect as soon as the guest's SSH server answers; raise GuestLostError after `deadline` seconds."""
        end = time.monotonic() + deadline
        while True:
            try:
                self._connected()
            except GuestLostError:
                if time.monotonic() > end:
                    raise
                time.sleep(RETRY_PAUSE)
            else:
                return

    def close(self) -> None:
        """Drop the connection; the next use makes a new one."""
        if self._transport:
            self._transport.close()
        self._transport = self._client = None

    def _connected(self) -> paramiko.SFTPClient:
        if self._client and self._transport and self._transport.is_active():
            return self._client
        self.close()
        try:
            self._transport = self._log_on()
            client = paramiko.SFTPClient.from_transport(self._transport)
        except paramiko.AuthenticationException:
            raise InfrastructureError(
                "the guest refused the image's SSH password",
                "the image is not the running guest's: lab down; lab up",
            ) from None
        except (OSError, paramiko.SSHException, EOFError) as error:
            raise self._lost(error) from None
        if client is None:
            raise self._lost(EOFError("no SFTP channel"))
        channel = client.get_channel()
        if channel:
            channel.settimeout(TRANSFER_DEADLINE)
        self._client = client
        return client

    def _log_on(self) -> paramiko.Transport:
        remote = self._remote
        connection = socket.create_connection((remote.host, remote.ssh_port), timeout=CONNECT_DEADLINE)
        transport = paramiko.Transport(connection)
        try:
            transport.banner_timeout = transport.auth_timeout = CONNECT_DEADLINE
            kind, key = remote.credentials.ssh_host_key.split()[:2]
            pinned = paramiko.PKey.from_type_string(kind, base64.b64decode(key))
            transport.get_security_options().key_types = [kind]
            transport.connect(hostkey=pinned, username=remote.credentials.user, password=remote.credentials.password)
        except BaseException:
            transport.close()
            raise
        return transport

    def _lost(self, error: BaseException) -> GuestLostError:
        self.close()
        return GuestLostError(f"the guest does not answer over SSH ({error or type(error).__name__})")

    def _failed(self, verb: str, remote: str, error: OSError) -> InfrastructureError | GuestLostError:
        if isinstance(error, TimeoutError | ConnectionError) or str(error) == "Socket is closed":
            return self._lost(error)
        return InfrastructureError(f"cannot {verb} {remote} in the guest: {error}")


def _sftp_path(remote: str) -> str:
    """`C:\\lab\\x` as OpenSSH on Windows spells it: `/C:/lab/x`."""
    return "/" + remote.replace("\\", "/").lstrip("/")
