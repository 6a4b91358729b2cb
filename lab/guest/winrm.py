"""Commands in the guest over WinRM, with the lab's own deadlines around pywinrm's calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import requests
from winrm.exceptions import (
    InvalidCredentialsError,
    WinRMError,
    WinRMOperationTimeoutError,
    WinRMTransportError,
    WSManFaultError,
)
from winrm.protocol import Protocol

from lab.errors import GuestLostError, HungError, InfrastructureError
from lab.guest.pinned import PinnedAdapter
from lab.guest.remote import Remote

POLL_SECONDS = 3
"""How long one Receive may wait for output: a deadline is noticed at most this late."""
READ_SECONDS = 8
"""How long the guest may take for any one HTTP answer before it counts as lost. Exceeds POLL_SECONDS."""
READY_PAUSE = 0.2
UTF_8 = 65001
"""Code page of the console that a command gets: without it Windows answers in the one of 1981."""
MAX_LINE = 8 << 20
SEND_BYTES = 96 << 10
"""Of input in one message: in Base64 and encrypted it stays below 150 KB, the smallest limit that Windows had."""

OnLine = Callable[[str], None]


@dataclass(frozen=True)
class CommandResult:
    """What a finished command left behind. `code` is the Windows exit code."""

    stdout: str
    stderr: str
    code: int


class WinRm:
    """Runs commands in one WinRM shell, which is opened at the first use and kept: a shell costs two round trips."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._protocol: Protocol | None = None
        self._shell = ""

    def run(self, argv: list[str], timeout: float, given: Iterable[bytes] | None = None) -> CommandResult:
        """Run a command to its end. Raises HungError after `timeout` seconds (the command is ended), GuestLostError."""
        lines: list[str] = []
        errors: list[str] = []
        code = self.stream(argv, lines.append, timeout, errors.append, given)
        return CommandResult("\n".join(lines), "\n".join(errors), code)

    def stream(
        self,
        argv: list[str],
        on_line: OnLine,
        timeout: float,
        on_error: OnLine | None = None,
        given: Iterable[bytes] | None = None,
    ) -> int:
        """Run a command, handing on each line of its output as it comes; return the exit code.

        `given` is the command's standard input, piece by piece; without it, the command has none.

        Raises HungError when it has not ended after `timeout` seconds: it is then told to terminate.
        Raises GuestLostError when the guest stops answering: the command is not repeated, it may have run.
        """
        deadline = time.monotonic() + timeout
        protocol, shell = self._opened()
        output, errors = Lines(on_line), Lines(on_error or _ignore)
        try:
            command = protocol.run_command(shell, argv[0], argv[1:], console_mode_stdin=False, skip_cmd_shell=True)
            if given is not None:
                _send(protocol, shell, command, given, deadline)
            code = _receive(protocol, shell, command, output, errors, deadline)
            protocol.cleanup_command(shell, command)
        except (requests.RequestException, WinRMError, WinRMTransportError) as error:
            raise self._translate(error, protocol) from None
        if code is None:
            raise HungError(f"{argv[0]} did not end within {timeout:.0f} s and was told to terminate")
        output.finish()
        errors.finish()
        return code

    def wait_ready(self, deadline: float) -> None:
        """Open the shell as soon as the WinRM service answers; raise GuestLostError after `deadline` seconds."""
        end = time.monotonic() + deadline
        while True:
            try:
                self._opened()
            except GuestLostError:
                if time.monotonic() > end:
                    raise
                time.sleep(READY_PAUSE)
            else:
                return

    def close(self) -> None:
        """Forget the shell and the connection; the guest expires what it still holds."""
        if self._protocol:
            self._protocol.transport.close_session()
        self._protocol, self._shell = None, ""

    def _opened(self) -> tuple[Protocol, str]:
        if self._protocol is None:
            self._protocol = _protocol(self._remote)
        if not self._shell:
            try:
                self._shell = self._protocol.open_shell(codepage=UTF_8)
            except (requests.RequestException, WinRMError, WinRMTransportError) as error:
                raise self._translate(error, self._protocol) from None
        return self._protocol, self._shell

    def _translate(self, error: Exception, protocol: Protocol) -> GuestLostError | InfrastructureError:
        # A command that was left to itself must not cost its successor the connection.
        if protocol is self._protocol:
            self.close()
        if isinstance(error, InvalidCredentialsError):
            return InfrastructureError(
                "the guest refused the image's WinRM password",
                "the image is not the running guest's: lab down; lab up",
            )
        if isinstance(error, requests.exceptions.SSLError):
            return _tls_error(error)
        if isinstance(error, requests.Timeout):
            return GuestLostError(f"the guest did not answer over WinRM within {READ_SECONDS} s")
        if isinstance(error, requests.RequestException):
            return GuestLostError(f"the guest does not answer over WinRM ({type(error).__name__})")
        if isinstance(error, WSManFaultError | WinRMTransportError):
            return InfrastructureError(f"WinRM in the guest failed: {str(error)[:300]}")
        return GuestLostError(f"the WinRM session broke: {str(error)[:300]}")


def _protocol(remote: Remote) -> Protocol:
    """The way to a guest: HTTPS where the image has a certificate for it, else HTTP with every message encrypted."""
    certificate = remote.credentials.certificate
    protocol = Protocol(
        endpoint=f"{'https' if certificate else 'http'}://{remote.host}:{remote.winrm_port}/wsman",
        transport="ntlm",
        username=remote.credentials.user,
        password=remote.credentials.password,
        message_encryption="auto" if certificate else "always",
        operation_timeout_sec=POLL_SECONDS,
        read_timeout_sec=READ_SECONDS,
        ca_trust_path=None,  # type: ignore[arg-type]  # None: no look into the environment
        proxy=None,
    )
    if certificate:
        protocol.transport.build_session().mount("https://", PinnedAdapter(certificate))
    return protocol


def _tls_error(error: Exception) -> InfrastructureError | GuestLostError:
    """What TLS found wrong: mostly with the guest's certificate."""
    said = str(error)
    if "EOF" in said:
        return GuestLostError("the guest does not answer over WinRM (it closed the connection)")
    if "certificate has expired" in said:
        return InfrastructureError("the guest's WinRM certificate has expired", "build the image again")
    if "CERTIFICATE_VERIFY_FAILED" in said or "Fingerprints did not match" in said:
        return InfrastructureError(
            "the guest's WinRM certificate is not the one that the image was built with",
            "the image is not the running guest's: lab down; lab up",
        )
    return InfrastructureError(f"no TLS with the guest's WinRM: {said[:300]}")


def _send(protocol: Protocol, shell: str, command: str, given: Iterable[bytes], deadline: float) -> None:
    """Give the command its input, and tell that there is no more; what is late is left out, for it hangs anyway."""
    gathered = b""
    for piece in given:
        if gathered and len(gathered) + len(piece) > SEND_BYTES:
            protocol.send_command_input(shell, command, gathered)
            gathered = b""
        gathered += piece
        if time.monotonic() > deadline:
            return
    protocol.send_command_input(shell, command, gathered, end=True)


def _receive(protocol: Protocol, shell: str, command: str, output: Lines, errors: Lines, deadline: float) -> int | None:
    """Pump output until the command is done; None when the deadline came first."""
    while time.monotonic() < deadline:
        try:
            out, err, code, done = protocol.get_command_output_raw(shell, command)
        except WinRMOperationTimeoutError:
            continue
        output.feed(out)
        errors.feed(err)
        if done:
            return code & 0xFFFFFFFF
    return None


class Lines:
    """Cuts a byte stream into text lines; a line that never ends is cut at MAX_LINE bytes."""

    def __init__(self, on_line: OnLine) -> None:
        self._on_line = on_line
        self._rest = b""

    def feed(self, data: bytes) -> None:
        pieces = (self._rest + data).split(b"\n")
        self._rest = pieces.pop()
        for piece in pieces:
            self._emit(piece)
        if len(self._rest) > MAX_LINE:
            self.finish()

    def finish(self) -> None:
        if self._rest:
            self._emit(self._rest)
        self._rest = b""

    def _emit(self, line: bytes) -> None:
        self._on_line(line.removesuffix(b"\r").decode("utf-8", errors="replace"))


def _ignore(_line: str) -> None:
    pass
