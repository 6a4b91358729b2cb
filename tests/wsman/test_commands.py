"""Commands through the real pywinrm, with NTLM and message encryption and with Basic."""

from __future__ import annotations

import hashlib
import threading
import time
from pathlib import Path

import pytest
from winrm.exceptions import WinRMOperationTimeoutError, WSManFaultError

from .conftest import Service

both = pytest.mark.parametrize("transport", ["ntlm", "basic"])


@both
def test_output_and_exit_code(service: Service, transport: str) -> None:
    result = service.session(transport).run_cmd("echo out; echo err >&2; exit", ["7"])
    assert (result.std_out, result.std_err, result.status_code) == (b"out\n", b"err\n", 7)


@both
def test_large_output_is_whole(service: Service, transport: str) -> None:
    result = service.session(transport).run_cmd("head -c 5000000 /dev/zero | tr '\\0' 'x'; printf end")
    assert len(result.std_out) == 5_000_003
    assert result.std_out.strip(b"x") == b"end"


def test_any_bytes_come_through(service: Service) -> None:
    digest = hashlib.sha256(bytes(range(256))).hexdigest()
    octal = "".join(f"\\{i:03o}" for i in range(256))
    result = service.session().run_cmd(f"printf '{octal}'")
    assert hashlib.sha256(result.std_out).hexdigest() == digest


def test_text_of_a_command_may_be_any(service: Service) -> None:
    text = 'a <b> &amp; "quoted" ünïcödé ]]> %TEMP%'
    assert service.session().run_cmd("printf %s", [f"'{text}'"]).std_out.decode() == text


@both
def test_input(service: Service, transport: str) -> None:
    protocol = service.session(transport).protocol
    shell = protocol.open_shell()
    command = protocol.run_command(shell, "cat; exit 3")
    protocol.send_command_input(shell, command, b"first\r\n")
    protocol.send_command_input(shell, command, b"second", end=True)
    assert protocol.get_command_output(shell, command) == (b"first\r\nsecond", b"", 3)
    protocol.close_shell(shell)


def test_large_input_and_output_at_once(service: Service) -> None:
    protocol = service.session().protocol
    shell = protocol.open_shell()
    command = protocol.run_command(shell, "cat")
    for _ in range(20):
        protocol.send_command_input(shell, command, b"y" * 100_000)
    protocol.send_command_input(shell, command, b"", end=True)
    out, _, code = protocol.get_command_output(shell, command)
    assert (len(out), code) == (2_000_000, 0)
    protocol.close_shell(shell)


def test_input_for_a_command_that_has_ended_is_dropped(service: Service) -> None:
    protocol = service.session().protocol
    shell = protocol.open_shell()
    command = protocol.run_command(shell, "exit 4")
    assert protocol.get_command_output(shell, command)[2] == 4
    protocol.send_command_input(shell, command, b"too late")
    protocol.close_shell(shell)


def test_command_longer_than_the_operation_timeout(service: Service) -> None:
    session = service.session(operation_timeout_sec=1, read_timeout_sec=10)
    result = session.run_cmd("sleep 1.3; echo done")
    assert (result.std_out, result.status_code) == (b"done\n", 0)


def test_silent_command_times_out_as_on_windows(service: Service) -> None:
    protocol = service.session(operation_timeout_sec=1, read_timeout_sec=10).protocol
    shell = protocol.open_shell()
    command = protocol.run_command(shell, "sleep 60")
    started = time.monotonic()
    with pytest.raises(WinRMOperationTimeoutError):
        protocol.get_command_output_raw(shell, command)
    assert 0.9 < time.monotonic() - started < 8
    protocol.close_shell(shell)


def test_output_comes_while_the_command_runs(service: Service) -> None:
    protocol = service.session().protocol
    shell = protocol.open_shell()
    command = protocol.run_command(shell, "echo now; sleep 60")
    out, _, _, done = protocol.get_command_output_raw(shell, command)
    assert (out, done) == (b"now\n", False)
    protocol.close_shell(shell)


def test_command_that_ends_has_its_output_and_code_in_one_answer(service: Service) -> None:
    protocol = service.session().protocol
    shell = protocol.open_shell()
    command = protocol.run_command(shell, "echo a; echo b >&2; exit 5")
    assert protocol.get_command_output_raw(shell, command) == (b"a\n", b"b\n", 5, True)
    protocol.close_shell(shell)


def test_what_a_command_leaves_behind_does_not_keep_it_running(service: Service) -> None:
    started = time.monotonic()
    result = service.session().run_cmd("sleep 30 & echo $!")
    assert time.monotonic() - started < 5
    assert int(result.std_out) > 0


def test_slow_client_gets_everything_of_a_command_that_has_ended(service: Service) -> None:
    protocol = service.session().protocol
    shell = protocol.open_shell()
    command = protocol.run_command(shell, "head -c 1100000 /dev/zero")
    time.sleep(0.9)
    assert len(protocol.get_command_output(shell, command)[0]) == 1_100_000
    protocol.close_shell(shell)


def test_terminate_ends_the_command_and_what_it_started(service: Service) -> None:
    protocol = service.session().protocol
    shell = protocol.open_shell()
    command = protocol.run_command(shell, "sleep 77.125 & sleep 77.125")
    time.sleep(0.2)
    protocol.cleanup_command(shell, command)
    time.sleep(0.2)
    assert service.session().run_cmd("pgrep -f '[s]leep 77.125'").std_out == b""
    with pytest.raises(WSManFaultError) as error:
        protocol.get_command_output_raw(shell, command)
    assert error.value.wsman_fault_code == 87
    protocol.close_shell(shell)


def test_whoever_waits_for_output_of_a_terminated_command_is_told(service: Service) -> None:
    waiting, other = service.session().protocol, service.session().protocol
    shell = waiting.open_shell()
    command = waiting.run_command(shell, "sleep 60")
    terminating = threading.Timer(0.3, other.cleanup_command, (shell, command))
    terminating.start()
    with pytest.raises(WSManFaultError) as error:
        waiting.get_command_output_raw(shell, command)
    assert error.value.wsman_fault_code == 995
    terminating.join()  # A session with encryption serves one thread at a time.
    other.close_shell(shell)


def test_two_shells_in_parallel(service: Service, tmp_path: Path) -> None:
    results: dict[str, bytes] = {}

    def run(name: str, other: str) -> None:
        wait = f"touch {name}; for i in $(seq 500); do [ -e {other} ] && break; sleep 0.02; done"
        command = f"cd {tmp_path}; {wait}; [ -e {other} ] && echo {name} saw {other}"
        results[name] = service.session().run_cmd(command).std_out

    threads = [threading.Thread(target=run, args=names) for names in (("one", "two"), ("two", "one"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {"one": b"one saw two\n", "two": b"two saw one\n"}


def test_directory_and_environment_of_a_shell(service: Service) -> None:
    protocol = service.session().protocol
    shell = protocol.open_shell(working_directory="/usr", env_vars={"LAB": "a b <&>", "EMPTY": ""})
    command = protocol.run_command(shell, 'pwd; printf "%s" "$LAB"')
    assert protocol.get_command_output(shell, command)[0] == b"/usr\na b <&>"
    protocol.close_shell(shell)
