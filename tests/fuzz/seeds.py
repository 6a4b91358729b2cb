"""`python -m fuzz.seeds`, in `tests`: write the seeds that are made, not found."""

from __future__ import annotations

import struct
from pathlib import Path

from kd.target import (
    KERNEL_BASE,
    breakpoint_message,
    exception_message,
    load_message,
    print_message,
    prompt_message,
)

from lab.kd.manipulate import Api, Manipulate
from lab.kd.packets import INITIAL_ID, SYNC_BIT, PacketType, encode_control, encode_data

CORPUS = Path(__file__).with_name("corpus")
FATAL = b"\n*** Fatal System Error: 0x000000d1\n   (0x0000000000000010,0x2,0x0,0xFFFFF8000BADF00D)\n\n"
FILE = PacketType.FILE_IO, struct.pack("<I60x", 0x3430) + "\\x.sys\0".encode("utf-16-le")
REPLIES = [
    (PacketType.STATE_MANIPULATE, Manipulate(api, status=0, data=bytes(8)).encode())
    for api in (Api.GET_VERSION, Api.GET_CONTEXT, Api.READ_VIRTUAL)
]
MESSAGES: dict[str, tuple[int, bytes]] = {
    "print": print_message(b"hello \xaa0000iiii\n"),
    "prompt": prompt_message(b"Break, Ignore (bi)? "),
    "load": load_message(rb"\SystemRoot\x.sys"),
    "exception": exception_message(0xC0000005, KERNEL_BASE + 9),
    "breakpoint": breakpoint_message(KERNEL_BASE + 5),
    "fatal": print_message(FATAL + b"Driver at fault: x.sys.\n"),
    "file": (int(FILE[0]), FILE[1]),
    **{f"reply-{number}": (int(kind), payload) for number, (kind, payload) in enumerate(REPLIES)},
}


def parser_seeds() -> dict[str, bytes]:
    seeds = {name: encode_data(kind, INITIAL_ID, payload) for name, (kind, payload) in MESSAGES.items()}
    stream = b"boot\n" + b"".join(
        encode_data(kind, INITIAL_ID | number & 1 | (0 if number else SYNC_BIT), payload)
        for number, (kind, payload) in enumerate(MESSAGES.values())
    )
    seeds["stream"] = stream + encode_control(PacketType.ACKNOWLEDGE, INITIAL_ID) + encode_control(PacketType.RESET)
    seeds["cut"] = stream[:-30]
    return seeds


def session_seeds() -> dict[str, bytes]:
    """Programs as `fuzz.program` reads them."""
    kinds = {2: 0x00, 3: 0x10, 7: 0x20, 11: 0x50}
    seeds = {}
    for number, (name, (kind, payload)) in enumerate(MESSAGES.items()):
        code = kinds[kind] | 2 | (0x80 if len(payload) > 255 else 0)
        packet = bytes([code, number & 1, len(payload) & 255]) + payload
        seeds[name] = b"\0" + packet + b"\x07\x47\x49" + packet + b"\x07"
        seeds[f"held-{name}"] = b"\x01" + packet + b"\x07\x0d\x07\x1e\x2d\x0e\x0c\x07\x0f"
    seeds["break-in"] = b"\0\x1b\x69" + seeds["breakpoint"][1:] + b"\x0d\x07\x0c\x07\x69\x69"
    seeds["reset"] = b"\0" + seeds["load"][1:] + b"\x26\0" + seeds["print"][1:] + b"\x36\0\x36\0"
    return seeds


def main() -> None:
    corpus = {
        "parser": parser_seeds(),
        "messages": {name: payload for name, (_, payload) in MESSAGES.items()},
        "session": session_seeds(),
    }
    for target, seeds in corpus.items():
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in seeds.items():
            (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
