"""The traffic program itself: what it does with a script, and what it says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from lab.guest.services import TRAFFIC
from lab.running import RunningLab
from lab.traffic.data import pattern

pytestmark = pytest.mark.vm

ACCESS_VIOLATION = 0xC0000005
ERROR_FILE_NOT_FOUND = 2
ERROR_PATH_NOT_FOUND = 3
ERROR_INVALID_HANDLE = 6
ERROR_ALREADY_EXISTS = 183
ERROR_IO_PENDING = 997
ERROR_SERVICE_DOES_NOT_EXIST = 1060
ERROR_NOT_FOUND = 1168
STATUS_ACCESS_DENIED = 0xC0000022
STATUS_OBJECT_NAME_NOT_FOUND = 0xC0000034

STAND_IN = r"C:\lab\run\traffic-test.bin"
"""A file that the operations work on, so that these tests need no driver."""
CONTENT = b"hello world"
_SCRIPT = r"C:\lab\run\traffic-test.txt"


@dataclass(frozen=True)
class Performed:
    """What one run of the traffic program printed and returned."""

    events: list[dict[str, Any]]
    code: int

    def kind(self, name: str) -> list[dict[str, Any]]:
        """All events of one kind, in the order they came."""
        return [event for event in self.events if event["e"] == name]

    def op(self, step: str) -> dict[str, Any]:
        """The one `op` event of a step."""
        (event,) = [event for event in self.kind("op") if event["id"] == step]
        return event

    @property
    def kinds(self) -> list[str]:
        return [event["e"] for event in self.events]


Perform = Callable[[str], Performed]


@pytest.fixture(scope="module")
def perform(lab: RunningLab) -> Iterator[Perform]:
    """Runs a script (without its first line) in the guest, with `FILE` standing for a file that holds CONTENT."""
    guest = lab.guest
    lab.ensure_traffic()

    def run(script: str) -> Performed:
        guest.put(CONTENT, STAND_IN)
        guest.put(f"traffic 1\n{script}".replace("FILE", STAND_IN).encode(), _SCRIPT)
        lines: list[str] = []
        code = guest.stream([TRAFFIC, "run", _SCRIPT], lines.append, 120)
        return Performed([json.loads(line) for line in lines], code)

    yield run
    lab.restore()  # Whatever these scripts left behind is nobody else's.


def typed(text: str) -> str:
    return "hex:" + text.encode().hex()


def test_operations_report_bytes_data_and_errors(perform: Perform) -> None:
    done = perform(
        "actor a\n"
        "step open a 5000 open h FILE rw\n"
        "step again a 5000 open h FILE r\n"
        "step read a 5000 read h 5\n"
        "step write a 5000 write h fill:300:7\n"
        "step close a 5000 close h\n"
        "step closed a 5000 read h 5\n"
        "step reopen a 5000 open h FILE r\n"
        "step skip a 5000 read h 5\n"
        "step back a 5000 read h 1048576\n"
        r"step missing a 5000 open g C:\windows\nothing%20here r"
        "\nstep null a 5000 read h null:4\n"
        "step bad a 5000 read h bad:4\n"
    )
    assert done.code == 0
    assert done.kinds[0] == "hello"
    assert done.events[-1] == {"e": "done", "ok": True}
    assert done.op("open")["ok"]
    assert done.op("again")["err"] == ERROR_ALREADY_EXISTS
    assert (done.op("read")["n"], done.op("read")["data"]) == (5, b"hello".hex())
    assert done.op("write")["n"] == 300
    assert done.op("closed")["err"] == ERROR_INVALID_HANDLE
    assert done.op("back")["data"] == pattern(300, 7).hex()
    assert (done.op("missing")["ok"], done.op("missing")["err"]) == (False, ERROR_FILE_NOT_FOUND)
    for step in ("null", "bad"):
        assert not done.op(step)["ok"]
        assert "data" not in done.op(step)
    assert all(event["t0"] <= event["t1"] for event in done.kind("op"))


def test_a_request_that_is_begun_is_finished_later(perform: Perform) -> None:
    done = perform(
        "actor a\n"
        "step open a 5000 open h FILE r overlapped\n"
        "step read a 5000 read h 5\n"
        "step begin a 5000 read h 5 begin one\n"
        "step again a 5000 read h 5 begin one\n"
        "step close a 5000 close h\n"
        "step finish a 5000 finish one\n"
        "step gone a 5000 finish one\n"
        "step cancel a 5000 cancel one\n"
    )
    assert done.code == 0
    assert done.op("read")["data"] == b"hello".hex()
    assert done.op("begin")["err"] in (0, ERROR_IO_PENDING)
    assert "data" not in done.op("begin")
    assert done.op("again")["err"] == ERROR_ALREADY_EXISTS
    assert (done.op("finish")["n"], done.op("finish")["data"]) == (5, b"hello".hex())
    assert [done.op(step)["err"] for step in ("gone", "cancel")] == [ERROR_NOT_FOUND] * 2


def test_every_way_of_ending_a_process_is_reported_with_its_code(perform: Perform) -> None:
    done = perform(
        "actor a\nactor b\nactor c\nactor d\n"
        "step exit a 5000 exit 4294967295\n"
        "step crash b 5000 crash\n"
        "step sleep c 5000 sleep 0\nstep kill c 5000 kill\n"
        "step wait d 5000 wait\nstep after b 5000 wait\n"
    )
    assert done.code == 0
    codes = {step: done.op(step)["code"] for step in ("exit", "crash", "kill", "wait", "after")}
    assert codes == {"exit": 0xFFFFFFFF, "crash": ACCESS_VIOLATION, "kill": 1, "wait": 0, "after": ACCESS_VIOLATION}
    assert {event["actor"]: event["code"] for event in done.kind("exit")} == {
        "a": 0xFFFFFFFF,
        "b": ACCESS_VIOLATION,
        "c": 1,
        "d": 0,
    }
    assert all(event["expected"] for event in done.kind("exit"))


def test_actors_of_a_block_run_at_the_same_time_each_in_order(perform: Perform) -> None:
    actors = [f"a{i}" for i in range(8)]
    script = "deadline 110000\n" + "".join(f"actor {actor}\n" for actor in actors)
    script += "".join(f"step {actor}.open {actor} 20000 open h FILE rw\n" for actor in actors)
    script += "parallel block 90000\n"
    script += "".join(f"step {actor}.{i} {actor} 20000 read h 4\n" for i in range(50) for actor in actors)
    script += "".join(f"step {actor}.sleep {actor} 20000 sleep 300\n" for actor in actors)
    done = perform(script + "end\n")
    assert done.code == 0
    for actor in actors:
        mine = [event for event in done.kind("op") if event["actor"] == actor]
        assert [event["id"] for event in mine[1:-1]] == [f"{actor}.{i}" for i in range(50)]
        assert [event["t0"] for event in mine] == sorted(event["t0"] for event in mine)
    sleeps = [event for event in done.kind("op") if event["op"] == "sleep"]
    assert max(event["t0"] for event in sleeps) < min(event["t1"] for event in sleeps)


def test_a_barrier_puts_one_operation_before_another(perform: Perform) -> None:
    done = perform(
        "actor a\nactor b\nparallel block 20000\n"
        "step first a 10000 sleep 200\nstep a a 10000 barrier meet 3\n"
        "step b b 10000 barrier meet 3\nstep second b 10000 sleep 0\n"
        "step c - 10000 barrier meet 3\nend\n"
    )
    assert done.code == 0
    assert all(done.op(step)["ok"] for step in "abc")
    assert done.op("first")["t1"] <= done.op("second")["t0"]


def test_a_barrier_without_hope_breaks_at_once(perform: Perform) -> None:
    done = perform(
        "actor a\nactor b\nparallel block 60000\n"
        "step long a 60000 sleep 50000\nstep never a 60000 barrier meet 2\n"
        "step waits b 60000 barrier meet 2\nstep behind b 60000 sleep 0\n"
        "step pause - 5000 sleep 300\nstep kill - 10000 kill a\nend\n"
        "step later b 5000 sleep 0\n"
    )
    assert done.code == 1
    (error,) = done.kind("error")
    assert "barrier meet: 1 of 2" in error["what"]
    assert "actor a is gone" in error["what"]
    assert not done.op("waits")["ok"]
    assert done.op("waits")["t1"] - done.op("waits")["t0"] < 20_000_000
    assert done.op("behind")["skipped"]
    assert "later" not in [event["id"] for event in done.kind("op")]


def test_a_process_killed_inside_of_an_operation_leaves_it_gone(perform: Perform) -> None:
    done = perform(
        "actor a\nparallel block 60000\n"
        "step before a 60000 sleep 0\nstep inside a 60000 sleep 50000\nstep behind a 60000 sleep 0\n"
        "step pause - 5000 sleep 300\nstep kill - 10000 kill a\nend\n"
    )
    assert done.code == 0, "the script wanted it"
    assert done.op("before")["ok"]
    assert done.op("inside")["gone"]
    assert done.op("behind")["gone"]
    assert done.op("inside")["t0"] < done.op("kill")["t0"] < done.op("inside")["t1"]


def test_a_time_out_names_what_is_pending_and_ends_everything(perform: Perform) -> None:
    done = perform(
        "actor a\nactor b\nactor c\nparallel block 60000\n"
        "step quick a 5000 sleep 0\nstep slow a 1000 sleep 50000\n"
        "step slower b 60000 sleep 50000\nstep c c 5000 sleep 0\n"
        "end\nstep never a 5000 sleep 0\n"
    )
    assert done.code == 1
    (timeout,) = done.kind("timeout")
    assert timeout["id"] == "slow"
    assert {(each["actor"], each["id"], each["op"]) for each in timeout["pending"]} == {
        ("a", "slow", "sleep"),
        ("b", "slower", "sleep"),
    }
    assert all(each["for_ms"] >= 1000 for each in timeout["pending"])
    assert {event["actor"] for event in done.kind("exit")} == {"a", "b", "c"}
    assert done.events[-1] == {"e": "done", "ok": False}
    assert {event["id"] for event in done.kind("op")} == {"quick", "c"}


def test_programs_of_the_user_are_typed_to_and_heard(perform: Perform) -> None:
    say = f"step say p 20000 type {typed('echo one^two' + chr(13) + chr(10))} await {typed('onetwo')}\n"
    done = perform(
        "actor p program cmd.exe\nactor q program cmd.exe /c exit 7\nactor r program no-such-program.exe\n"
        f"{say}step end p 20000 wait\nstep code q 20000 wait\nstep missing r 20000 wait\n"
    )
    heard = b"".join(bytes.fromhex(event["data"]) for event in done.kind("out") if event["actor"] == "p")
    assert b"onetwo" in heard
    assert done.op("say")["ok"]
    assert done.op("end")["ok"]
    assert done.op("code")["code"] == 7
    assert done.op("missing")["gone"]
    (error,) = done.kind("error")
    assert "no-such-program.exe" in error["what"]
    assert done.code == 1


def test_programs_get_variables_and_all_of_their_input(perform: Perform) -> None:
    commands = typed("echo %COLOUR%-%PaTh%-%SystemRoot%\r\n")
    done = perform(
        "actor p program cmd.exe\nvariable p COLOUR deep%20red\nvariable p Path elsewhere\n"
        f"input p {commands}\nactor q program cmd.exe /c echo %25COLOUR%25\n"
        "step p p 20000 wait\nstep q q 20000 wait\n"
    )
    heard = {
        name: b"".join(bytes.fromhex(event["data"]) for event in done.kind("out") if event["actor"] == name)
        for name in "pq"
    }
    assert b"deep red-elsewhere-C:\\windows" in heard["p"]
    assert b"red" not in heard["q"]
    assert [done.op(name)["ok"] for name in "pq"] == [True, True]


def test_an_actor_whose_user_is_unknown_is_not_started(perform: Perform) -> None:
    done = perform("actor a\nuser a nobody\nstep 1 a 20000 sleep 1\n")
    assert done.op("1")["gone"]
    (error,) = done.kind("error")
    # There is no password of his, nor a directory of them.
    assert error["what"] == f"actor a cannot be started: Win32 error {ERROR_PATH_NOT_FOUND}"


def test_a_failing_call_tells_the_status_behind_its_error(perform: Perform) -> None:
    done = perform(
        "actor a\nstep missing a 5000 open n FILE.not r\nstep open a 5000 open h FILE r\n"
        "step write a 5000 write h hex:00\nstep read a 5000 read h 1\nstep again a 5000 close h\n"
    )
    assert done.op("missing")["status"] == STATUS_OBJECT_NAME_NOT_FOUND
    assert done.op("write")["status"] == STATUS_ACCESS_DENIED
    assert "status" not in done.op("read")


@pytest.mark.parametrize(
    ("script", "line", "what"),
    [
        ("actor a\nstep 1 a 5000 jump\n", 3, "expected an operation"),
        ("actor a\nstep 1 b 5000 crash\n", 3, 'no actor "b"'),
        ("actor a\nstep 1 a 5000 read h 4\n", 3, "no step before this one opens"),
        ("actor a\nparallel p 5\nstep 1 a 5 barrier x 2\nend\n", 4, "only 1 of this block"),
        ("actor a\nstep 1 a 5000 exit 1\nstep 2 a 5000 sleep 1\n", 4, "ends in line 3"),
        ("actor a\nstep 1 a 5000  crash\n", 3, "one space between tokens"),
        ("markers off\nstep 1 - 5000 sleep 0\n", 2, "expected `markers on`"),
        ("step 1 - 5000 sleep 0\nmarkers on\n", 3, "before the first step"),
        ("actor a\nvariable a X y\n", 3, "expected `variable PROGRAM NAME VALUE`"),
        ("actor a program x\nvariable a X=y z\n", 3, "no = in NAME"),
        ("actor a\nuser a x%5Cy\n", 3, "expected `user ACTOR NAME`"),
        ("actor a program x\ninput a hex:00\ninput a hex:00\n", 4, "once and before the first step"),
    ],
)
def test_a_bad_script_starts_nothing(perform: Perform, script: str, line: int, what: str) -> None:
    done = perform(script)
    assert done.code == 2
    assert done.kinds == ["hello", "error", "done"]
    assert done.events[1]["line"] == line
    assert what in done.events[1]["what"]


def test_services_answer_with_the_errors_of_the_service_manager(perform: Perform) -> None:
    done = perform(
        "".join(
            f"step {action} - 20000 service {action} NoSuchService\n" for action in ("query", "start", "stop", "delete")
        )
    )
    assert {event["err"] for event in done.kind("op")} == {ERROR_SERVICE_DOES_NOT_EXIST}
    assert {event["state"] for event in done.kind("op")} == {"absent"}
    assert done.code == 0


@pytest.mark.slow
def test_sixteen_actors_do_eight_thousand_operations(perform: Perform) -> None:
    actors, each = 16, 500
    script = "deadline 110000\n" + "".join(f"actor a{i}\n" for i in range(actors))
    script += "parallel block 100000\n" + "".join(f"step o{i} a{i} 100000 open h FILE r\n" for i in range(actors))
    script += "".join(f"step {i}.{j} a{i} 100000 read h 16\n" for j in range(each) for i in range(actors))
    done = perform(script + "end\n")
    assert done.code == 0
    assert len(done.kind("op")) == actors * (each + 1)
