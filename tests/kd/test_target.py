"""The simulated target does what a real one did."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.kd.packets import ControlPacket, DataPacket, PacketType, Parser
from lab.kd.policy import Policy

from .recordings import RECORDINGS, needs_recordings
from .target import Target
from .wire import Wire


@needs_recordings
@pytest.mark.parametrize("recording", RECORDINGS[:1], ids=lambda each: each.stem)
def test_it_sends_the_bytes_of_a_real_target(recording: Path) -> None:
    real = recording.read_bytes()
    items = Parser().feed(real)
    script = [(int(item.type), item.payload) for item in items if isinstance(item, DataPacket)]
    assert all(isinstance(item, DataPacket | ControlPacket) for item in items)
    assert all(kind != PacketType.STATE_MANIPULATE for kind, _ in script)
    target = Target(script)
    wire = Wire(target, policy=Policy())
    said: list[bytes] = []
    take_output = target.take_output

    def overhear() -> bytes:
        said.append(take_output())
        return said[-1]

    target.take_output = overhear  # type: ignore[method-assign]
    assert wire.run(60.0, lambda: target.idle)
    assert b"".join(said) == real
