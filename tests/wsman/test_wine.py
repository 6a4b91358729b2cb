"""The same service with the real starter under the host's Wine, where there is one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import SOURCE, Service

WINE = shutil.which("wine64") or shutil.which("wine64", path="/usr/lib/wine")
SERVER = shutil.which("wineserver64", path="/usr/lib/wine") or shutil.which("wineserver")
CLANG = shutil.which("clang") and shutil.which("lld-link")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (WINE and SERVER and CLANG), reason="needs wine64, clang and lld on the host"),
]


@pytest.fixture(scope="module")
def wine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    assert WINE
    assert SERVER
    directory = tmp_path_factory.mktemp("wine")
    subprocess.run(["make", "-s", "-C", SOURCE / "starter", f"OUT={directory}"], check=True)
    environment = {**os.environ, "WINEPREFIX": str(directory / "prefix"), "WINEDEBUG": "-all", "WINEARCH": "win64"}
    environment["WINEDLLOVERRIDES"] = "mscoree,mshtml="
    environment.pop("DISPLAY", None)
    subprocess.run([WINE, "wineboot", "-i"], env=environment, check=True, timeout=120, capture_output=True)
    service = Service(
        directory, "--wine", WINE, "--starter", str(directory / "starter.exe"), "--prestart", environment=environment
    )
    service.kill_wine = lambda: subprocess.run([SERVER, "-k"], env=environment, check=False)
    yield service
    status, _ = service.stop()
    service.kill_wine()
    assert status == 0


def test_program_by_itself(wine: Service) -> None:
    result = wine.session().run_cmd("hostname")
    assert result.status_code == 0
    assert result.std_out.strip()


def test_builtin_commands_of_the_shell(wine: Service) -> None:
    result = wine.session().run_cmd("echo", ["hello"])
    assert (result.std_out, result.status_code) == (b"hello\r\n", 0)
    result = wine.session().run_cmd("echo one& echo two& exit 3")
    assert (result.std_out.split(), result.status_code) == ([b"one", b"two"], 3)


@pytest.mark.parametrize("code", [0, 1, 255, 256, 1062, 0x7FFFFFFF])
def test_whole_exit_codes(wine: Service, code: int) -> None:
    assert wine.session().run_cmd("cmd.exe", ["/c", "exit", str(code)]).status_code == code


def test_exit_codes_beyond_31_bits_are_negative_as_on_windows(wine: Service) -> None:
    assert wine.session().run_cmd("cmd.exe /c exit -1073741819").status_code == -1073741819


def test_unknown_program(wine: Service) -> None:
    result = wine.session().run_cmd("nosuchprogram", ["x"])
    assert result.status_code == 9009
    assert b"nosuchprogram" in result.std_err


def test_input(wine: Service) -> None:
    protocol = wine.session().protocol
    shell = protocol.open_shell()
    command = protocol.run_command(shell, "more")
    protocol.send_command_input(shell, command, b"line one\r\nline two\r\n", end=True)
    out, _, code = protocol.get_command_output(shell, command)
    assert (out.split(b"\r\n")[:2], code) == ([b"line one", b"line two"], 0)
    protocol.close_shell(shell)


def test_large_output(wine: Service, tmp_path: Path) -> None:
    content = b"0123456789abcdef\r\n" * 100_000
    (tmp_path / "large.txt").write_bytes(content)
    result = wine.session().run_cmd("type", [f"Z:{tmp_path}/large.txt".replace("/", "\\")])
    assert result.std_out == content


def test_directory_and_environment(wine: Service) -> None:
    protocol = wine.session().protocol
    shell = protocol.open_shell(working_directory="C:\\windows", env_vars={"LAB": "a b&c"})
    command = protocol.run_command(shell, 'cd& echo "%LAB%"')
    assert protocol.get_command_output(shell, command)[0].split(b"\r\n")[:2] == [b"C:\\windows", b'"a b&c"']
    protocol.close_shell(shell)


def test_terminate_ends_what_the_shell_started(wine: Service) -> None:
    protocol = wine.session().protocol
    shell = protocol.open_shell()
    command = protocol.run_command(shell, "cmd /c ping -n 300 127.0.0.1 >nul")
    time.sleep(0.5)
    protocol.cleanup_command(shell, command)
    deadline = time.monotonic() + 5
    while subprocess.run(["pgrep", "-f", "[-]n 300 127.0.0.1"], capture_output=True, check=False).stdout:
        assert time.monotonic() < deadline, "ping goes on"
        time.sleep(0.1)
    protocol.close_shell(shell)


def test_after_the_end_of_wine_it_starts_anew(wine: Service) -> None:
    protocol = wine.session().protocol
    shell = protocol.open_shell()
    command = protocol.run_command(shell, "more")
    wine.kill_wine()
    assert protocol.get_command_output(shell, command)[2] & 0xFFFFFFFF == 0xC000013A
    protocol.close_shell(shell)
    assert wine.session().run_cmd("echo", ["back"]).std_out == b"back\r\n"


def test_starter_that_dies_is_replaced(wine: Service) -> None:
    protocol = wine.session().protocol
    shell = protocol.open_shell()
    command = protocol.run_command(shell, "more")
    found = subprocess.run(["pgrep", "-P", str(wine.process.pid)], capture_output=True, text=True, check=True)
    os.kill(int(found.stdout), signal.SIGKILL)
    assert protocol.get_command_output(shell, command)[2] & 0xFFFFFFFF == 0xC000013A
    protocol.close_shell(shell)
    assert wine.session().run_cmd("echo", ["back"]).std_out == b"back\r\n"
