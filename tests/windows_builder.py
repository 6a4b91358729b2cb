"""A Windows build machine as SSH shows it: a real SSH and SFTP server on loopback, with a stand-in for MSBuild."""

from __future__ import annotations

import os
import re
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import paramiko
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_SUCCEEDED
from paramiko.sftp import SFTP_OK


class Files(paramiko.SFTPServerInterface):
    """A folder of this host."""

    def __init__(self, server: BuildMachine, *_arguments: Any) -> None:
        self._root = server.root

    def _path(self, path: str) -> Path:
        return self._root / path.lstrip("/")

    def stat(self, path: str) -> Any:
        try:
            return paramiko.SFTPAttributes.from_stat(self._path(path).stat())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    lstat = stat

    def mkdir(self, path: str, attr: Any) -> int:  # noqa: ARG002
        self._path(path).mkdir()
        return SFTP_OK

    def list_folder(self, path: str) -> Any:
        try:
            entries = sorted(self._path(path).iterdir())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)
        return [paramiko.SFTPAttributes.from_stat(each.stat(), each.name) for each in entries]

    def open(self, path: str, flags: int, attr: Any) -> Any:  # noqa: ARG002
        file = os.fdopen(
            os.open(self._path(path), flags, 0o644), "r+b" if flags & os.O_RDWR else "wb" if flags else "rb"
        )
        handle = paramiko.SFTPHandle(flags)
        handle.readfile = handle.writefile = file  # type: ignore[attr-defined]
        return handle


class BuildMachine(paramiko.ServerInterface):
    """`commands` are what was run; `build` is what its MSBuild does: its lines, and its exit code."""

    def __init__(self, root: Path, key: paramiko.PKey, authorized: paramiko.PKey) -> None:
        self.root = root
        self.has_msbuild = True
        self.output = "example.sln -> built\r\n"
        self.code = 0
        self.products: tuple[str, ...] = ("example-direct.sys", "example-direct.pdb", "notes.txt")
        self.hangs = False
        self.commands: list[str] = []
        self._key = key
        self._authorized = authorized
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._transports: list[paramiko.Transport] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()
        for each in self._transports:
            each.close()

    def _accept(self) -> None:
        with suppress(OSError, paramiko.SSHException, EOFError):
            while True:
                connection, _ = self._listener.accept()
                transport = paramiko.Transport(connection)
                transport.add_server_key(self._key)
                transport.set_subsystem_handler("sftp", paramiko.SFTPServer, Files)
                self._transports.append(transport)
                transport.start_server(server=self)

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        good = username == "builder" and key == self._authorized
        return AUTH_SUCCESSFUL if good else AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002
        return "publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002
        return OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Thread(target=self._perform, args=(channel, command.decode()), daemon=True).start()
        return True

    def _perform(self, channel: paramiko.Channel, command: str) -> None:
        while channel.recv(1 << 10):  # Only then has the client heard that its command was accepted.
            pass
        self.commands.append(command)
        said, code = "", 1
        if "vswhere" in command:
            said, code = (r"C:\VS\MSBuild\Current\Bin\MSBuild.exe", 0) if self.has_msbuild else ("", 1)
        elif "MSBuild.exe" in command:
            if self.hangs:
                return
            said, code = self.output, self.code
            self._build(command)
        with suppress(OSError):
            channel.sendall(said.encode())
            channel.send_exit_status(code)
            channel.close()

    def _build(self, command: str) -> None:
        found = re.search(r'"(driver-lab-build[^"]+\.sln)"', command)
        assert found, command
        solution = self.root / found.group(1).replace("\\", "/")
        assert solution.is_file()
        folder = solution.parent / "build" / "Release"
        folder.mkdir(parents=True, exist_ok=True)
        for name in self.products:
            (folder / name).write_text(f"product {name}")
