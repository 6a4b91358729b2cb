"""The stub stops, shows, changes, steps and loses a real process."""

from __future__ import annotations

import os
import random
import signal
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Stub
from .debuggee import (
    PATH,
    RDI,
    RIP,
    RSP,
    Debuggee,
    break_in,
    clear_breakpoint,
    context,
    read,
    register,
    set_breakpoint,
    set_context,
    status,
    step,
    switch,
    write,
)
from .host import GET_VERSION, Stop, request
from .records import bugcheck_record, exception_record, goodbye_record, module_record, print_record

BREAKPOINT, SINGLE_STEP, WAKE = 0x80000003, 0x80000004, 0x80000007
NOT_HANDLED = struct.pack("<IIQQQ", 0x80010001, 0, 0x400, 1, 0)


@pytest.fixture
def debuggee(debuggee_binary: Path, stub: Stub) -> Iterator[Debuggee]:
    debuggee = Debuggee(debuggee_binary)
    debuggee.announce(stub)
    yield debuggee
    debuggee.close()


def test_break_in_stops_all_threads_and_continue_lets_them_run(stub: Stub, debuggee: Debuggee) -> None:
    for _ in range(20):
        stop = break_in(stub.host)
        assert stop.exception[0] == BREAKPOINT
        assert stop.processors >= 4
        before = read(stub.host, debuggee.places["calls"], 8)
        time.sleep(0.02)
        assert read(stub.host, debuggee.places["calls"], 8) == before
        stub.host.resume()
        debuggee.wait_untraced()
    before_run = debuggee.calls()
    debuggee.wait_calls(before_run)


@pytest.mark.usefixtures("debuggee")
def test_version_tells_where_things_are(stub: Stub) -> None:
    break_in(stub.host)
    reply = stub.host.ask(request(GET_VERSION))
    assert struct.unpack_from("<H", reply, 22) == (7,), "many processors, data, 64 bits"
    assert struct.unpack_from("<QQQ", reply, 32) == (0x1000, 0x2000, 0x3000)


def test_memory(stub: Stub, debuggee: Debuggee) -> None:
    break_in(stub.host)
    at = debuggee.places["memory"]
    assert read(stub.host, at, 24) == b"memory of a driver host\0"
    assert write(stub.host, at + 10, b"A DRIVER") == 8
    assert read(stub.host, at, 24) == b"memory of A DRIVER host\0"
    assert read(stub.host, 0x10, 16) == b""
    assert write(stub.host, 0x10, b"x") == 0
    found = stub.host.ask(request(0x3156, struct.pack("<QQI", at - 100, 10_000, 8), b"A DRIVER"))
    assert (status(found), struct.unpack_from("<Q", found, 16)[0]) == (0, at + 10)
    everywhere = stub.host.ask(request(0x3156, struct.pack("<QQI", 0, 2**64 - 1, 16), os.urandom(16)))
    assert status(everywhere) == 0x8000001A
    query = stub.host.ask(request(0x315C, struct.pack("<QQI", debuggee.places["work"], 0, 0)))
    assert struct.unpack_from("<II", query, 32) == (0, 1 | 4)
    assert status(stub.host.ask(request(0x315C, struct.pack("<QQI", 0x10, 0, 0)))) == 0xC0000001
    fill = stub.host.ask(request(0x315B, struct.pack("<QIHH", at, 7, 1, 2), b"ab"))
    assert status(fill) == 0
    assert read(stub.host, at, 8) == b"abababao"


def test_a_read_over_the_end_of_memory_is_partial(stub: Stub, debuggee: Debuggee) -> None:
    break_in(stub.host)
    regions = [line.split()[0] for line in Path(f"/proc/{debuggee.pid}/maps").read_text().splitlines()]
    bounds = [tuple(int(each, 16) for each in region.split("-")) for region in regions]
    starts = {start for start, _ in bounds}
    end = next(stop for _, stop in bounds if stop not in starts)
    assert len(read(stub.host, end - 100, 200)) == 100


def test_a_breakpoint_is_hit_and_gone_and_can_be_stepped_from(stub: Stub, debuggee: Debuggee) -> None:
    work = debuggee.places["work"]
    break_in(stub.host)
    original = read(stub.host, work, 1)
    assert set_breakpoint(stub.host, work) == 1
    assert read(stub.host, work, 1) == b"\xcc"
    stub.host.resume()
    numbers = []
    for _ in range(5):
        stop = Stop.of(stub.host.expect_stop())
        assert stop.exception == (BREAKPOINT, work, 1)
        assert stop.pc == work
        assert read(stub.host, work, 1) == original, "a kernel takes it away where it stops"
        registers = context(stub.host)
        assert register(registers, RIP) == work
        numbers.append(register(registers, RDI))
        stepped = step(stub.host)
        assert stepped.exception[0] == SINGLE_STEP
        assert work < stepped.pc < work + 16
        set_breakpoint(stub.host, work)
        stub.host.resume()
    assert numbers == list(range(numbers[0], numbers[0] + 5)), "no call was missed"
    stub.host.expect_stop()
    stub.host.resume()
    debuggee.wait_untraced()
    debuggee.wait_calls(numbers[-1])


def test_breakpoints_are_numbered_and_cleared(stub: Stub, debuggee: Debuggee) -> None:
    idle = debuggee.places["memory"]
    break_in(stub.host)
    assert [set_breakpoint(stub.host, idle + i) for i in range(32)] == list(range(1, 33))
    assert status(stub.host.ask(request(0x3134, struct.pack("<QI", idle + 40, 0)))) == 0xC0000001
    assert set_breakpoint(stub.host, idle + 3) == 4, "the same one"
    assert [clear_breakpoint(stub.host, handle) for handle in range(1, 33)] == [0] * 32
    assert [clear_breakpoint(stub.host, handle) for handle in (0, 1, 33, 2**32 - 1)] == [0xC0000001] * 4
    assert read(stub.host, idle, 24) == b"memory of a driver host\0"
    assert status(stub.host.ask(request(0x3134, struct.pack("<QI", 0x10, 0)))) == 0xC0000001


def test_registers_can_be_changed_once_they_were_seen(stub: Stub, debuggee: Debuggee) -> None:
    work = debuggee.places["work"]
    break_in(stub.host)
    assert set_context(stub.host, bytes(1232)) == 0xC0000001
    set_breakpoint(stub.host, work)
    stub.host.resume()
    stub.host.expect_stop()
    registers = bytearray(context(stub.host))
    (back,) = struct.unpack("<Q", read(stub.host, register(bytes(registers), RSP), 8))
    struct.pack_into("<QQ", registers, 0x78, 4711, register(bytes(registers), 0x80))  # Rax
    struct.pack_into("<Q", registers, RIP, back)
    struct.pack_into("<Q", registers, RSP, register(bytes(registers), RSP) + 8)
    assert set_context(stub.host, bytes(registers)) == 0
    changed = context(stub.host)
    assert (register(changed, RIP), register(changed, 0x78)) == (back, 4711)
    stub.host.resume()
    time.sleep(0.05)
    assert debuggee.process.poll() is None


def test_threads_are_processors(stub: Stub, debuggee: Debuggee) -> None:
    stop = break_in(stub.host)
    pointers = {register(context(stub.host, n), RSP) for n in range(stop.processors)}
    assert len(pointers) == stop.processors
    assert context(stub.host, stop.processors) == b""
    for processor in range(stop.processors):
        switched = Stop.of(switch(stub.host, processor))
        assert switched.exception[0] == WAKE
        assert struct.unpack_from("<H", switched.payload, 6) == (processor,)
        assert switched.pc == register(context(stub.host, processor), RIP)
    stub.host.resume()
    assert debuggee.ask("calls")


def test_signals_are_its_own(stub: Stub, debuggee: Debuggee) -> None:
    """Under watch as well as not, and those that come while it is stopped."""
    break_in(stub.host)
    set_breakpoint(stub.host, debuggee.places["memory"])
    os.kill(debuggee.pid, signal.SIGUSR1)
    stub.host.resume()
    assert debuggee.tracer() == stub.process.pid
    for own in range(1, 20):  # each raises one, which is there at once; ours may come to another thread meanwhile
        assert debuggee.ask("signal") in (f"signals {own}", f"signals {own + 1}")
        break_in(stub.host)
        stub.host.resume()
    assert debuggee.ask("signal") == "signals 21"


@pytest.mark.usefixtures("debuggee")
def test_prints_before_a_break_in_come_before_its_stop(stub: Stub) -> None:
    stub.write(*(print_record(b"%d\n" % i) for i in range(200)))
    stub.host.send(b"b")
    assert stub.host.prints(b"199\n").count(b"\n") == 200
    stub.host.expect_stop()


def test_killed_without_a_word(stub: Stub, debuggee: Debuggee) -> None:
    stub.write(print_record(b"last words\n"))
    debuggee.process.kill()
    text = stub.host.prints(b")\n\n").decode()
    pid = debuggee.pid
    assert text.startswith("last words\n\n*** Fatal System Error: 0x000000ef\n")
    assert f"(0x{40:016X},0x{0:016X},0x{9:016X},0x{pid:016X})" in text
    assert Stop.of(stub.host.expect_stop()).exception[0] == BREAKPOINT
    stub.host.resume()
    assert debuggee.process.wait(5) == -9


def test_killed_while_it_is_stopped(stub: Stub, debuggee: Debuggee) -> None:
    break_in(stub.host)
    debuggee.process.kill()
    debuggee.process.wait(5)
    assert read(stub.host, debuggee.places["memory"], 8) == b""
    assert context(stub.host) == b""
    stub.host.resume()
    assert "0x000000ef" in stub.host.prints(b")\n\n").decode()
    stub.host.expect_stop()


def test_exit_with_a_code_is_told(stub: Stub, debuggee: Debuggee) -> None:
    debuggee.tell("exit 7")
    assert f"0x{0x700:016X}" in stub.host.prints(b")\n\n").decode()


def test_an_end_in_order_is_no_crash(stub: Stub, debuggee: Debuggee) -> None:
    stub.write(goodbye_record(debuggee.writer()))
    debuggee.tell("exit 0")
    debuggee.process.wait(5)
    assert stub.host.take(0.3) is None


def test_an_end_in_order_is_no_crash_though_its_goodbye_is_read_after_it(stub: Stub, debuggee: Debuggee) -> None:
    stub.write(print_record(b"not acknowledged yet\n"))
    assert stub.host.raw() is not None
    stub.write(goodbye_record(debuggee.writer()))
    debuggee.tell("exit 0")
    debuggee.process.wait(5)
    time.sleep(0.1)  # it notices the end, and reads nothing while the print is on its way
    assert stub.host.prints(b"yet\n") == b"not acknowledged yet\n"
    assert stub.host.take(0.3) is None


def test_an_end_without_drivers_is_no_crash(stub: Stub, debuggee: Debuggee) -> None:
    stub.write(module_record(PATH, debuggee.places["work"], unload=True, writer=debuggee.writer()))
    stub.host.expect_stop()
    stub.host.resume()
    debuggee.process.kill()
    debuggee.process.wait(5)
    assert stub.host.take(0.3) is None


def test_when_the_machine_shuts_down_no_end_is_a_crash(stub: Stub, debuggee: Debuggee) -> None:
    stub.process.send_signal(signal.SIGUSR1)
    time.sleep(0.05)
    debuggee.process.kill()
    debuggee.process.wait(5)
    assert stub.host.take(0.3) is None


def test_an_exception_shows_its_context_in_live_memory(stub: Stub, debuggee: Debuggee) -> None:
    writer = debuggee.wait()
    stub.write(exception_record(0xC0000005, 0x1234, (1, 0), b"example.sys", writer))
    stop = Stop.of(stub.host.expect_stop())
    assert stop.exception == (0xC0000005, 0x1234, 0)
    assert context(stub.host) == b"\xab" * 1232
    assert read(stub.host, debuggee.places["memory"], 6) == b"memory"
    assert len(context(stub.host, 1)) == 1232
    stub.host.submit(request(0x313C, NOT_HANDLED))
    assert "0x0000001e" in stub.host.prints(b"sys.\n").decode()
    stub.host.expect_stop()
    assert context(stub.host) == b"\xab" * 1232, "still the one that was at fault"
    stub.host.resume()
    assert debuggee.line() == "let go 3"
    debuggee.tell("exit 5")
    debuggee.process.wait(5)
    assert stub.host.take(0.3) is None, "its end was told"


def test_a_handled_exception_goes_on_with_the_context_that_was_set(stub: Stub, debuggee: Debuggee) -> None:
    stub.write(exception_record(0xC0000005, 0x1234, (1, 0), b"", debuggee.wait()))
    stub.host.expect_stop()
    context(stub.host)
    assert set_context(stub.host, b"\xcd" * 1232) == 0
    assert read(stub.host, debuggee.places["context"], 4) == b"\xcd" * 4
    stub.host.resume()
    assert debuggee.line() == "let go 4"
    assert stub.host.take(0.2) is None


def test_a_breakpoint_in_the_code_is_no_crash(stub: Stub, debuggee: Debuggee) -> None:
    stub.write(exception_record(BREAKPOINT, 0x1234, (0,), b"", debuggee.wait(), first_chance=True))
    assert Stop.of(stub.host.expect_stop()).exception == (BREAKPOINT, 0x1234, 1)
    stub.host.resume()
    assert debuggee.line() == "let go 4"
    assert stub.host.take(0.2) is None


def test_a_driver_waits_at_its_load(stub: Stub, debuggee: Debuggee) -> None:
    stub.write(module_record(b"x.sys", 0x10000, writer=debuggee.wait()))
    stub.host.expect_stop()
    before = read(stub.host, debuggee.places["calls"], 8)
    time.sleep(0.02)
    assert read(stub.host, debuggee.places["calls"], 8) == before
    stub.host.resume()
    assert debuggee.line() == "let go 3"
    debuggee.wait_untraced()


def test_bugcheck_record_then_end(stub: Stub, debuggee: Debuggee) -> None:
    stub.write(bugcheck_record(0xD1, (1, 2, 3, 4), b"example.sys", debuggee.wait()))
    stub.host.prints(b"sys.\n")
    assert Stop.of(stub.host.expect_stop()).pc == 0xABABABABABABABAB
    assert read(stub.host, debuggee.places["memory"], 6) == b"memory"
    stub.host.resume()
    assert debuggee.line() == "let go 3"


def test_the_debugger_can_crash_it(stub: Stub, debuggee: Debuggee) -> None:
    break_in(stub.host)
    stub.host.submit(request(0x3149))
    assert "0x000000e2" in stub.host.prints(b")\n\n").decode()
    stub.host.expect_stop()
    assert read(stub.host, debuggee.places["memory"], 6) == b"memory"
    stub.host.resume()
    assert debuggee.process.wait(5) == -9
    assert stub.host.take(0.3) is None


def test_without_a_debugger_nobody_waits(hasty_stub: Stub, debuggee_binary: Path) -> None:
    debuggee = Debuggee(debuggee_binary)
    try:
        hasty_stub.write(exception_record(0xC0000005, 1, (), b"", debuggee.wait()))
        hasty_stub.wait_alone()
        assert debuggee.line() == "let go 3"
        hasty_stub.write(module_record(PATH, 1, writer=debuggee.wait()))
        assert debuggee.line() == "let go 3"
        debuggee.wait_untraced()
    finally:
        debuggee.close()


def test_a_stub_that_ends_leaves_no_breakpoint_behind(stub: Stub, debuggee: Debuggee) -> None:
    break_in(stub.host)
    set_breakpoint(stub.host, debuggee.places["work"] + 1)
    stub.host.resume()
    stub.process.terminate()
    stub.process.wait(5)
    time.sleep(0.05)
    assert debuggee.process.poll() is None
    assert debuggee.calls() > 0
    assert debuggee.tracer() == 0


def test_a_killed_stub_lets_it_run(stub: Stub, debuggee: Debuggee) -> None:
    break_in(stub.host)
    stub.process.kill()
    stub.process.wait(5)
    before = debuggee.calls()
    debuggee.wait_calls(before)


@pytest.mark.parametrize("seed", range(3))
def test_nonsense_from_the_host_harms_nobody(stub: Stub, debuggee: Debuggee, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    ends = (0x3136, 0x313B, 0x313C, 0x3149, 0x3150)
    apis = [api for api in range(0x3130, 0x3163) if api not in ends]
    places = [*debuggee.places.values(), 0, 2**64 - 1, 2**63, 0x7FFF_FFFF_F000]
    break_in(stub.host)
    for _ in range(500):
        api = rng.choice(apis)
        length = rng.choice((0, 1, 2**31, 2**32 - 1, rng.randrange(5000)))
        union = struct.pack(
            "<QQQ", rng.choice(places[4:]) + rng.choice((0, 0, 1)) & 2**64 - 1, length, rng.getrandbits(64)
        )
        union += rng.randbytes(16)
        if api in (0x3130, 0x3132, 0x315C, 0x315F):
            union = struct.pack("<Q", rng.choice(places)) + union[8:]
        reply = stub.host.ask(request(api, union, rng.randbytes(rng.randrange(1300)))[: rng.randrange(4, 1400)])
        assert 56 <= len(reply) <= 4000
    stub.host.resume()
    assert stub.process.poll() is None
