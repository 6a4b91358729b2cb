"""Talking to a supervisor that answers, refuses, sleeps, or is gone."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.errors import CrashedError, GuestLostError, HungError, InfrastructureError, LabError
from lab.machine.control import call, decode_error, encode_error
from lab.machine.instance import CONTROL_SOCKET, STATE, Instance


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    # Longer than a Unix socket address may be.
    instance = Instance(tmp_path / ("deep" * 25) / "vm")
    instance.create()
    return instance


@contextmanager
def serving(instance: Instance, answer: bytes | None) -> Iterator[list[bytes]]:
    """A supervisor's socket that gives one fixed answer, or with None never any."""
    requests: list[bytes] = []
    done = threading.Event()
    with socket.socket(socket.AF_UNIX) as server:
        here = os.open(".", os.O_RDONLY)
        os.chdir(instance.directory)
        server.bind(CONTROL_SOCKET)
        os.fchdir(here)
        os.close(here)
        server.listen()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                requests.append(connection.recv(4096))
                if answer is None:
                    done.wait(10)
                else:
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield requests
        done.set()
        thread.join()


def test_answer_comes_back_through_a_long_path(instance: Instance) -> None:
    with serving(instance, b'{"seq": 7}\n') as requests:
        assert call(instance, "mark", text="hello") == {"seq": 7}
    assert json.loads(requests[0]) == {"command": "mark", "text": "hello"}


def test_refusal_is_raised_as_what_it_is(instance: Instance) -> None:
    refusal = {"error": {"cause": "crashed", "what": "bugcheck 0xE2", "advice": "read the log"}}
    with serving(instance, json.dumps(refusal).encode() + b"\n"), pytest.raises(CrashedError, match="0xE2") as caught:
        call(instance, "sync")
    assert caught.value.advice == "read the log"


def test_silence_ends_at_the_deadline(instance: Instance) -> None:
    with serving(instance, None), pytest.raises(HungError, match="did not answer 'status'"):
        call(instance, "status", timeout=0.2)


def test_answer_cut_short_counts_as_gone(instance: Instance) -> None:
    with serving(instance, b'{"seq": '), pytest.raises(GuestLostError):
        call(instance, "status")


def test_without_a_supervisor_its_last_words_are_told(instance: Instance) -> None:
    with pytest.raises(GuestLostError, match="the lab is down"):  # It never was up.
        call(instance, "status")
    instance.write(STATE, {"phase": "ready"})
    with pytest.raises(GuestLostError, match="supervisor is gone"):
        call(instance, "status")
    instance.write(STATE, {"phase": "stopped"})
    with pytest.raises(GuestLostError, match="the lab is down"):
        call(instance, "status")
    instance.write(STATE, {"phase": "failed", "error": encode_error(InfrastructureError("no QEMU", "install it"))})
    with pytest.raises(InfrastructureError, match="no QEMU"):
        call(instance, "status")


@pytest.mark.parametrize("kind", [CrashedError, GuestLostError, HungError, InfrastructureError])
def test_errors_survive_the_socket(kind: type[LabError]) -> None:
    error = decode_error(encode_error(kind("what", "advice")))
    assert type(error) is kind
    assert (str(error), error.advice) == ("what", "advice")
