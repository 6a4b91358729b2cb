"""`lab image`: the guest's image, built where it can be, from a medium where it must."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from lab.errors import UsageError
from lab.progress import Progress

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,40}")


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `lab image` and `lab image build`."""
    image = commands.add_parser("image", help="build the guest image unless it is in the cache")
    image.add_argument("--force", action="store_true", help="build it again even if it is")
    image.set_defaults(run=_wine)
    build = image.add_subparsers(metavar="ACTION").add_parser("build", help="build an image of the guest that is named")
    guests = build.add_subparsers(required=True, metavar="GUEST")

    wine = guests.add_parser("wine", help="the embedded guest, from Debian packages")
    wine.add_argument("--force", action="store_true", help="build it again even if it is in the cache")
    wine.set_defaults(run=_wine)

    windows = guests.add_parser("windows", help="Windows 10, 11 or Server, from your own installation medium")
    windows.add_argument("--iso", type=Path, required=True, metavar="FILE", help="the installation medium")
    windows.add_argument("--edition", help="its number, id or name on the medium (default: what fits a lab)")
    windows.add_argument("--key", help="product key (default: the published generic one; none for evaluation media)")
    windows.add_argument("--virtio-iso", type=Path, metavar="FILE", help="drivers of virtio-win, if you want them")
    windows.add_argument("--openssh", type=Path, metavar="ZIP", help="Win32-OpenSSH, where Windows has no server")
    windows.add_argument("--name", default="windows", help="what `image:` in lab.yaml calls it (default: windows)")
    windows.set_defaults(run=_windows)


def _wine(options: argparse.Namespace) -> int:
    from vm_images.wine import ensure_image

    print(ensure_image(Progress(), force=options.force))
    return 0


def _windows(options: argparse.Namespace) -> int:
    from vm_images.windows.build import Order, build_image

    if not _NAME.fullmatch(options.name):
        raise UsageError(f"--name: {options.name!r} is no name", "small letters, digits, '.', '_' and '-', as in win11")
    if options.iso.is_dir():
        raise UsageError(f"--iso: {options.iso} is a folder", "name the ISO of Windows setup (to make: ISO=Win.iso)")
    for option, file in (("--virtio-iso", options.virtio_iso), ("--openssh", options.openssh)):
        if file is not None and not file.is_file():
            raise UsageError(f"{option}: {file} does not exist")
    order = Order(
        iso=options.iso,
        name=options.name,
        edition=options.edition,
        key=options.key,
        virtio_iso=options.virtio_iso,
        openssh=options.openssh,
    )
    print(build_image(order, Progress()))
    print(f"use it: `guest: windows` and `image: {options.name}` in lab.yaml")
    return 0
