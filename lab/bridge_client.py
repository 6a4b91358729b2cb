"""Connects to the kernel debugger link of this lab's VM, beside the supervisor that owns it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.config import Config
from lab.errors import GuestLostError
from lab.kd.client import KdClient
from lab.kd.target import INTERACTIVE
from lab.kd.transport import Transport, UnixTransport
from lab.machine.instance import KD_BRIDGE_SOCKET, Instance


def symbol_directories(config: Config) -> list[Path]:
    """Where the drivers of lab.yaml, and so their PDBs, are built."""
    return [*dict.fromkeys(each.file.parent for each in config.drivers.values())]


def open_bridge(instance: Instance) -> Transport:
    """Raises GuestLostError when no lab is up."""
    path = instance.path(KD_BRIDGE_SOCKET)
    if not path.exists():
        raise GuestLostError("the lab is not up", "start it: make lab-up")
    return UnixTransport(path)


@contextmanager
def connect(config: Config, instance: Instance) -> Iterator[tuple[KdClient, list[Path]]]:
    """A client of the VM's link, and where its symbols are. In the end the target runs on."""
    client = KdClient(open_bridge(instance), policy=INTERACTIVE)
    client.start()
    try:
        yield client, symbol_directories(config)
    finally:
        client.close()
