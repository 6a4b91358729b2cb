"""`lab replay DIR`: run a failed scenario again from what it left on disk."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lab.cli_kd import Subcommands

if TYPE_CHECKING:
    from lab.config import Config
    from lab.replay.kept import Kept
    from lab.replay.outcome import Likeness
    from lab.replay.replay import Attempt
    from lab.running import RunningLab

MAX_TIMES = 100_000
DIFFERENT = 7
DID_NOT_HAPPEN = 1
"""Exit statuses; the same is 0, what could not be run 3."""


def add_commands(commands: Subcommands) -> None:
    """`lab replay`."""
    parser = commands.add_parser(
        "replay",
        help="run a failed scenario again from its directory: same (exit status 0), did not happen (1), different (7)",
    )
    parser.add_argument("directory", type=Path, metavar="DIR", help="what a scenario left below artifacts/RUN/")
    parser.add_argument("--times", type=_times, default=1, metavar="N", help="run it so often and tell the rate")
    parser.add_argument("--any-guest", action="store_true", help="also on another guest image than it ran on")
    parser.set_defaults(run=_replay)


def _times(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) <= MAX_TIMES:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {MAX_TIMES}")
    return int(text)


def _replay(options: argparse.Namespace) -> int:
    from lab.bringup import down
    from lab.document import display_path
    from lab.replay.kept import Kept
    from lab.replay.replay import replay

    kept = Kept(options.directory)
    print(f"{kept.record.scenario}: it was {kept.record.headline}", flush=True)

    def tell(number: int, attempt: Attempt) -> None:
        place = f"  {display_path(attempt.directory)}" if attempt.directory else ""
        print(f"{number:4}  {attempt.comparison}{place}", flush=True)

    here = _lab_here(options, kept)
    try:
        lab = _bring_up(here, kept, any_guest=options.any_guest)
        done = replay(kept, lambda: lab, options.times, tell)
    finally:
        if here.root == _own_root():
            down(here)
    for line in done.verdict():
        print(line)
    return _status(done.likeness)


def _status(likeness: Likeness) -> int:
    from lab.errors import InfrastructureError
    from lab.replay.outcome import Likeness

    return {
        Likeness.SAME: 0,
        Likeness.DID_NOT_HAPPEN: DID_NOT_HAPPEN,
        Likeness.DIFFERENT: DIFFERENT,
        Likeness.NO_RESULT: InfrastructureError.exit_code,
    }[likeness]


def _bring_up(here: Config, kept: Kept, *, any_guest: bool) -> RunningLab:
    """The lab at hand, with the kept drivers and programs in place of its own."""
    from lab import bringup
    from lab.progress import Progress

    lab = bringup.attach(here) if bringup.is_up(here) else bringup.up(here, Progress())
    _check_image(kept, lab.image.digest, any_guest=any_guest)
    kept.equip(lab)
    lab.claim()
    return lab


def _lab_here(options: argparse.Namespace, kept: Kept) -> Config:
    """Whose virtual machine is used: that of the lab.yaml here; without one, one for replays in the cache."""
    from lab.config import find_config, load_config
    from lab.errors import UsageError

    try:
        return replace(load_config(options.config or find_config(Path.cwd())), build="")
    except UsageError:
        if options.config:
            raise
    root = _own_root()
    root.mkdir(parents=True, exist_ok=True)
    return replace(kept.own_config, root=root)


def _own_root() -> Path:
    """Of the virtual machine that is there for replays alone. It is ended after each: no lab.yaml leads to it."""
    from vm_images.wine.cache import images_directory

    return images_directory().parent / "replay"


def _check_image(kept: Kept, digest: str, *, any_guest: bool) -> None:
    from lab.errors import UsageError

    if kept.image and kept.image != digest and not any_guest:
        what = f"it ran on guest image {kept.image[:12]}, this lab has {digest[:12]}"
        raise UsageError(what, "run it where that image is, or say --any-guest")
