"""`lab farm`: scheduler, workers and certificates of a farm, and what it does now."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from lab.cli_kd import Subcommands

LISTEN = "127.0.0.1:8786"
CERTIFICATES = "LAB_FARM_CERTIFICATES"


def add_commands(commands: Subcommands) -> None:
    """`lab farm`."""
    farm = commands.add_parser("farm", help="many hosts: scheduler, workers, certificates; what the farm does now")
    acts = farm.add_subparsers(required=True, metavar="ACT")

    make = acts.add_parser("certificates", help="make the farm's certificates, once")
    make.add_argument("directory", type=Path, metavar="DIR")
    make.set_defaults(run=_certificates)

    scheduler = acts.add_parser("scheduler", help="run the farm's scheduler, until Ctrl-C")
    scheduler.add_argument("--listen", default=LISTEN, metavar="HOST:PORT", help="(default: %(default)s)")
    scheduler.set_defaults(run=_scheduler)

    worker = acts.add_parser("worker", help="do the farm's jobs on this host, until Ctrl-C")
    worker.add_argument("--slots", type=int, metavar="N", help="VMs at once (default: as many as fit)")
    worker.add_argument("--guest", action="append", metavar="NAME", help="a guest that it has (default: wine)")
    worker.add_argument(
        "--directory", type=Path, default=Path("farm"), metavar="DIR", help="for files and VMs (default: %(default)s)"
    )
    worker.set_defaults(run=_worker)

    status = acts.add_parser("status", help="who works, and which jobs nobody takes")
    status.add_argument("--forgive", action="store_true", help="let workers take quarantined jobs again")
    status.set_defaults(run=_status)

    for each in (worker, status):
        each.add_argument("address", metavar="tls://HOST:PORT", help="of the scheduler")
    for each in (scheduler, worker, status):
        add_certificates(each)


def add_certificates(parser: argparse.ArgumentParser) -> None:
    """`--certificates`."""
    default = os.environ.get(CERTIFICATES, "farm-certificates")
    parser.add_argument(
        "--certificates", type=Path, default=Path(default), metavar="DIR",
        help=f"that `lab farm certificates` made (default: ${CERTIFICATES}, or farm-certificates)",
    )  # fmt: skip


def _certificates(options: argparse.Namespace) -> int:
    from lab.farm.certificates import make_certificates

    for each in make_certificates(options.directory):
        print(each)
    print("each host gets authority.pem and the file of its role; who has one of the others can use the farm")
    return 0


def _scheduler(options: argparse.Namespace) -> int:
    import asyncio

    from lab.farm.host import serve_scheduler

    asyncio.run(serve_scheduler(options.listen, options.certificates, _tell))
    return 0


def _worker(options: argparse.Namespace) -> int:
    import asyncio

    from lab.farm.host import serve_workers

    directory = options.directory.resolve()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    guests = options.guest or ["wine"]
    slots = options.slots if options.slots is not None else _fitting(directory, guests)
    asyncio.run(serve_workers(options.address, options.certificates, directory, slots, guests, _tell))
    return 0


def _fitting(directory: Path, guests: list[str]) -> int:
    """VMs of the largest guest that this host has an image of."""
    from lab.machine.budget import measure
    from lab.machine.image import load_image
    from vm_images.choice import images_of

    machines = [load_image(image).machine for guest in guests for image in images_of(guest)]
    return max(1, min((measure(machine, directory).fitting for machine in machines), default=1))


def _status(options: argparse.Namespace) -> int:
    from lab.farm.farm import connect

    with connect(options.address, options.certificates) as farm:
        if options.forgive:
            farm.forgive()
        workers, quarantined = farm.workers(), farm.quarantined()
    for address, each in sorted(workers.items()):
        has = ", ".join(sorted(name for name in each.get("resources", {}) if name != "slot"))
        busy = each.get("metrics", {}).get("task_counts", {}).get("executing", 0)
        print(f"{each.get('name', address)}  {address}  {has}  {'busy' if busy else 'free'}")
    print(f"{len(workers)} slots")
    for job, why in sorted(quarantined.items()):
        print(f"{job}  {why}")
    return 0


def _tell(text: str) -> None:
    print(text, flush=True)
