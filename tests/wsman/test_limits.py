"""Wrong credentials, unknown shells, quotas, expiry, and the end of the service."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from winrm.exceptions import InvalidCredentialsError, WSManFaultError

from .conftest import PASSWORD, SOURCE, Service


@pytest.mark.parametrize("transport", ["ntlm", "basic"])
@pytest.mark.parametrize(
    ("user", "password"),
    [("lab", "wrong"), ("nobody", PASSWORD), ("lab", PASSWORD + "x"), ("elsewhere\\lab", PASSWORD)],
)
def test_wrong_credentials_are_rejected(service: Service, transport: str, user: str, password: str) -> None:
    with pytest.raises(InvalidCredentialsError):
        service.session(transport, user, password).run_cmd("echo")


@pytest.mark.parametrize("transport", ["ntlm", "basic"])
@pytest.mark.parametrize("user", ["LAB", "lab-wine\\lab", ".\\Lab"])
def test_users_with_a_domain_and_in_any_case(service: Service, transport: str, user: str) -> None:
    assert service.session(transport, user).run_cmd("echo in").std_out == b"in\n"


def test_ntlm_version_1_is_rejected(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LM_COMPAT_LEVEL", "2")  # of the client: version 1
    with pytest.raises(InvalidCredentialsError):
        service.session().run_cmd("echo")


def test_ntlm_without_message_encryption(service: Service) -> None:
    assert service.session(message_encryption="never").run_cmd("echo in").std_out == b"in\n"


def test_unknown_shell(service: Service) -> None:
    protocol = service.session().protocol
    with pytest.raises(WSManFaultError) as error:
        protocol.run_command("11111111-1111-1111-1111-111111111111", "echo")
    assert error.value.wsman_fault_code == 2150858843
    assert error.value.fault_subcode == "w:InvalidSelectors"
    assert "was not found" in str(error.value)


def test_deleted_shell_is_gone_with_its_commands(service: Service) -> None:
    protocol = service.session().protocol
    shell = protocol.open_shell()
    command = protocol.run_command(shell, "sleep 88.125")
    protocol.close_shell(shell)
    time.sleep(0.2)
    assert service.session().run_cmd("pgrep -f '[s]leep 88.125'").std_out == b""
    with pytest.raises(WSManFaultError):
        protocol.get_command_output_raw(shell, command)


def test_unknown_command(service: Service) -> None:
    protocol = service.session().protocol
    shell = protocol.open_shell()
    with pytest.raises(WSManFaultError) as error:
        protocol.get_command_output_raw(shell, "22222222-2222-2222-2222-222222222222")
    assert error.value.wsman_fault_code == 87
    protocol.close_shell(shell)


def test_unusable_directory(service: Service) -> None:
    protocol = service.session().protocol
    shell = protocol.open_shell(working_directory="/nowhere")
    with pytest.raises(WSManFaultError):
        protocol.run_command(shell, "echo")
    protocol.close_shell(shell)


def test_more_shells_than_allowed(service: Service) -> None:
    protocol = service.session("basic").protocol
    shells = [protocol.open_shell() for _ in range(30)]
    with pytest.raises(WSManFaultError) as error:
        protocol.open_shell()
    assert error.value.wsman_fault_code == 2150858815
    for shell in shells:
        protocol.close_shell(shell)


def test_idle_shells_expire(started: Callable[..., Service]) -> None:
    service = started("--runner", "direct", "--idle-timeout", "0.3")
    protocol = service.session().protocol
    shell = protocol.open_shell()
    time.sleep(0.6)
    with pytest.raises(WSManFaultError) as error:
        protocol.run_command(shell, "echo")
    assert error.value.wsman_fault_code == 2150858843


def test_sigterm_kills_what_was_started(started: Callable[..., Service]) -> None:
    service = started("--runner", "direct")
    protocol = service.session().protocol
    protocol.run_command(protocol.open_shell(), "sleep 99.125")
    assert service.stop() == (0, "")
    assert subprocess.run(["pgrep", "-f", "[s]leep 99.125"], capture_output=True, check=False).stdout == b""


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "no user"), (":lab:x\nlab:x", "line 2"), (":lab:", "line 1"), (":lab:x:y", "line 1"), (None, "No such file")],
    ids=["empty", "no domain", "no password", "colon in the password", "missing"],
)
def test_unusable_credentials_file(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "credentials"
    if text is not None:
        path.write_text(text)
    result = run("--credentials", str(path))
    assert result.returncode == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_port_that_is_taken(service: Service, tmp_path: Path) -> None:
    path = tmp_path / "credentials"
    path.write_text(":lab:x\n")
    result = run("--credentials", str(path), "--listen", f"127.0.0.1:{service.port}")
    assert result.returncode == 1
    assert f"cannot listen on 127.0.0.1:{service.port}" in result.stderr


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "wsman", *options],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
