from __future__ import annotations

import json
import struct
from typing import Any

import pytest

from lab.kd import debug_io, file_io, manipulate, state_change
from lab.kd.context import Context, decode_context
from lab.kd.errors import MalformedMessageError
from lab.kd.packets import PacketType
from lab.kd.state_change import ExceptionChange, Machine, ModuleChange
from lab.kd.version import decode_version

from .recordings import VECTORS, needs_vectors
from .target import KERNEL_BASE, exception_message, load_message


def vectors() -> list[dict[str, Any]]:
    if not VECTORS.is_file():
        return []
    return list(json.loads(VECTORS.read_text()))


def decode(kind: int, payload: bytes) -> object:
    match kind:
        case PacketType.DEBUG_IO:
            return debug_io.decode(payload)
        case PacketType.STATE_CHANGE64:
            return state_change.decode(payload)
        case PacketType.STATE_MANIPULATE:
            return manipulate.decode(payload)
    return file_io.decode(payload)


@needs_vectors
@pytest.mark.parametrize("vector", vectors(), ids=lambda each: each["name"])
def test_what_windows_and_windbg_said_is_understood(vector: dict[str, Any]) -> None:
    payload = bytes.fromhex(vector["payload"])
    message = decode(vector["type"], payload)
    if isinstance(message, manipulate.Manipulate | debug_io.PrintString | debug_io.GetString):
        assert message.encode() == payload
    if isinstance(message, manipulate.Manipulate):
        assert message.api == int(vector["name"].split("_")[3], 16)


@needs_vectors
def test_file_requests_are_refused_in_the_words_of_windbg() -> None:
    payloads = {each["name"]: bytes.fromhex(each["payload"]) for each in vectors()}
    for number in (1, 2):
        request = file_io.decode(payloads[f"w10bd_TtoH_11_3430_{number}"])
        assert request.name.startswith("\\Windows\\")
        assert request.refuse() == payloads[f"w10bd_HtoT_11_3430_{number}"]


@needs_vectors
def test_a_version_reply_of_windows() -> None:
    payloads = {each["name"]: bytes.fromhex(each["payload"]) for each in vectors()}
    version = decode_version(manipulate.decode(payloads["w10bd_TtoH_2_3146_1"]))
    assert version.machine is Machine.AMD64
    assert version.major >> 8 == 4  # the boot debugger
    assert version.protocol == 6


def test_a_prompt_is_answered_within_its_limit() -> None:
    prompt = debug_io.GetString(6, 1, b"(boipt)? ", 2)
    decoded = debug_io.decode(prompt.encode())
    assert decoded == prompt
    assert prompt.answer(b"ignore").hex() == "31320000060001000000000002000000" + b"ig".hex()


def test_a_text_length_beyond_the_packet_is_cut() -> None:
    payload = struct.pack("<IHHII", 0x3230, 6, 0, 4000, 0) + b"short"
    decoded = debug_io.decode(payload)
    assert isinstance(decoded, debug_io.PrintString)
    assert decoded.text == b"short"


def test_a_module_with_its_name_at_the_end() -> None:
    change = state_change.decode(load_message(rb"\SystemRoot\x.sys", KERNEL_BASE, unload=True)[1])
    assert isinstance(change, ModuleChange)
    assert (change.name, change.base, change.unload) == (rb"\SystemRoot\x.sys", KERNEL_BASE, True)


def test_an_exception_with_the_code_at_its_address() -> None:
    change = state_change.decode(exception_message(0xC0000005, KERNEL_BASE, b"\x0f\x0b", chance=0)[1])
    assert isinstance(change, ExceptionChange)
    assert (change.code, change.address, change.first_chance) == (0xC0000005, KERNEL_BASE, False)
    assert state_change.control_report(change, Machine.AMD64).code == b"\x0f\x0b"
    assert state_change.guess_machine(change) is Machine.AMD64


def test_a_32_bit_target_is_known_by_its_sign_extended_addresses() -> None:
    payload = bytearray(exception_message(0x80000003, 0xFFFFFFFF8059CECE)[1])
    payload[192:240] = struct.pack("<IIHH16s", 0xFFFF0FF0, 0x400, 3, 3, b"\xcc\xc2\x04").ljust(48, b"\0")
    change = state_change.decode(bytes(payload))
    assert state_change.guess_machine(change) is Machine.I386
    assert state_change.control_report(change, Machine.I386).code == b"\xcc\xc2\x04"


@pytest.mark.parametrize(("machine", "size", "name"), [(Machine.AMD64, 1232, "rip"), (Machine.I386, 716, "eip")])
def test_a_context_goes_on_elsewhere(machine: Machine, size: int, name: str) -> None:
    context = decode_context(bytes(size))
    assert context == Context(machine, bytes(size))
    moved = context.with_program_counter(0x1234)
    assert moved.registers[name] == 0x1234
    assert moved.program_counter == 0x1234
    assert len(moved.raw) == size
    assert decode_context(bytes(size - 1)) is None


@pytest.mark.parametrize("kind", [PacketType.DEBUG_IO, PacketType.STATE_CHANGE64, PacketType.STATE_MANIPULATE, 11])
@pytest.mark.parametrize("payload", [b"", b"\x30", bytes(15), b"\x99" * 20])
def test_a_message_that_is_none_is_refused(kind: int, payload: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        decode(kind, payload)
