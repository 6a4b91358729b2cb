"""The stub under address and undefined-behaviour sanitizers, with what a line and a driver host can bring."""

from __future__ import annotations

import os
import random
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from compiled_stub import SOURCE, WITH_A_WORLD

from .host import ACK, CONTINUE2, DEBUG_IO, GET_VERSION, INITIAL, MANIPULATE, RESEND, RESET, control, data, request
from .records import bugcheck_record, exception_record, module_record, print_record

pytestmark = pytest.mark.slow  # The compiler needs most of the time.
ROUNDS = int(os.environ.get("SANITIZED_ROUNDS", "20"))
PIECES = 400
LINE, CARRIER, TIME = range(3)


@pytest.fixture(scope="session")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("sanitized") / "fuzz"
    sources = [each for each in sorted(SOURCE.glob("*.c")) if each.name not in WITH_A_WORLD]
    flags = ["-std=c11", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", f"-I{SOURCE}"]
    built = subprocess.run(
        ["cc", *flags, "-o", program, Path(__file__).with_name("fuzz.c"), *sources], capture_output=True, text=True
    )
    if "sanitize" in built.stderr or "libasan" in built.stderr:
        pytest.skip("the compiler has no sanitizers")
    assert built.returncode == 0, built.stderr
    return program


def pieces(rng: random.Random) -> Iterator[tuple[int, bytes]]:
    line = [
        *(control(kind, INITIAL | parity) for kind in (ACK, RESEND, RESET) for parity in (0, 1)),
        *(data(MANIPULATE, INITIAL | parity, request(api)) for api in (CONTINUE2, GET_VERSION) for parity in (0, 1)),
        *(
            data(MANIPULATE, INITIAL, request(api, rng.randbytes(40), rng.randbytes(64)))
            for api in range(0x3130, 0x3164)
        ),
        data(DEBUG_IO, INITIAL, b""),
        b"b",
    ]
    carrier = [
        print_record(b"hello\n"),
        print_record(b"x" * 4000),
        module_record(b"x.sys", 0x10000),
        module_record(b"m" * 2000, 0x10000, unload=True),
        bugcheck_record(0xE2, (1, 2, 3, 4), b"d" * 3000),
        exception_record(0xC0000005, 0x1234, (1, 2), b"driver.sys"),
    ]
    for _ in range(PIECES):
        kind = rng.choice((LINE, LINE, CARRIER, TIME))
        if kind == TIME:
            yield kind, bytes(rng.choice((1, 30, 300, 600)))
            continue
        piece = bytearray(rng.choice(line if kind == LINE else carrier))
        if rng.random() < 0.4:
            for _ in range(rng.randrange(1, 4)):
                piece[rng.randrange(len(piece))] ^= 1 << rng.randrange(8)
        if rng.random() < 0.1:
            piece = piece[: rng.randrange(len(piece) + 1)] + rng.randbytes(rng.randrange(30))
        yield kind, bytes(piece)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_nothing_is_read_or_written_where_it_must_not_be(sanitized: Path, seed: int) -> None:
    program = b""
    for kind, piece in pieces(random.Random(seed)):  # noqa: S311
        program += struct.pack("<BH", kind, len(piece)) + (b"" if kind == TIME else piece)
    ended = subprocess.run([sanitized], input=program, capture_output=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr.decode(errors="replace")[-2000:]
