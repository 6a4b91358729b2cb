"""Against packets recorded from real Windows."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from .conftest import Stub
from .host import BREAK_IN, CONTINUE, CONTINUE2, GET_VERSION, MANIPULATE, STATE_CHANGE, Packet, Stop
from .records import module_record

VECTORS = Path(__file__).parents[3] / "shared" / "kd" / "vectors.json"
if not VECTORS.exists():
    pytest.skip("the recorded packets are not here", allow_module_level=True)


def vectors(direction: str, kind: int) -> list[Any]:
    found = [v for v in json.loads(VECTORS.read_text()) if v["dir"] == direction and v["type"] == kind]
    return [pytest.param(bytes.fromhex(v["payload"]), id=v["name"]) for v in found]


@pytest.mark.parametrize("payload", vectors("H>T", MANIPULATE))
def test_what_a_real_debugger_asks_is_answered(stub: Stub, payload: bytes) -> None:
    stub.host.send(BREAK_IN)
    stub.host.expect_stop()
    (api,) = struct.unpack_from("<I", payload)
    if api in (CONTINUE, CONTINUE2):
        stub.host.submit(payload)
        assert stub.host.take(0.1) is None
        stub.host.send(BREAK_IN)
        stub.host.expect_stop()
    else:
        reply = stub.host.ask(payload)
        assert reply[:8] == payload[:8]
        assert struct.unpack_from("<I", reply, 8)[0] == (0 if api == GET_VERSION else 0xC0000001)


@pytest.mark.parametrize("payload", vectors("T>H", STATE_CHANGE))
def test_module_events_have_the_layout_of_real_ones(stub: Stub, payload: bytes) -> None:
    if len(payload) == 240 or Stop.of(Packet(STATE_CHANGE, 0, payload)).state != 0x3031:
        pytest.skip("not a module with a name")
    name, base, size, checksum, unload = Stop.of(Packet(STATE_CHANGE, 0, payload)).module
    stub.write(module_record(name.encode(), base, size, checksum, unload))
    ours = stub.host.expect_stop().payload
    assert len(ours) == len(payload)
    for field in (slice(0, 4), slice(32, 36), slice(40, 65), slice(240, None)):  # between them: the target's junk
        assert ours[field] == payload[field]
