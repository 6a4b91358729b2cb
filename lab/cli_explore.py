"""`lab explore`: traffic that nobody thought of, until something goes wrong or time is up."""

from __future__ import annotations

import argparse
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from lab.config import Config
from lab.errors import UsageError

DEFAULT_MINUTES = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `lab explore`."""
    parser.add_argument("--minutes", type=float, default=DEFAULT_MINUTES, help="how long (default: %(default)g)")
    parser.add_argument("--seed", type=int, help="the same cases in the same order again (default: any, and told)")
    parser.add_argument("--driver", metavar="NAME", help="a driver of lab.yaml (default: its default_driver)")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="for findings (default: artifacts/explore-TIME); below lab.yaml's folder",
    )
    parser.add_argument("-x", "--exitfirst", action="store_true", help="end with the first finding")
    parser.add_argument("--verifier", choices=["standard"], help="let Driver Verifier watch")
    parser.add_argument("--fuzzed", action="store_true", help="disturb the driver's threads, so that races show sooner")
    parser.add_argument("--plant", metavar="FAULT", help="plant a fault of lab.yaml in each name, and look for it")
    parser.add_argument(
        "--faults", action="store_true", help="plant every fault, and print what finds it, and how fast"
    )


def explore(options: argparse.Namespace, read_config: Callable[[], Config]) -> int:
    """0: nothing was found; 1: something was. Raises LabError."""
    from lab.exploration import Wish, explore_once
    from lab.fault_table import table_of_faults

    config = read_config()
    if options.minutes <= 0:
        raise UsageError("--minutes leaves no time", "a number above 0")
    for option, known in (("driver", config.drivers), ("plant", config.faults)):
        name = getattr(options, option)
        if name is not None and name not in known:
            raise UsageError(f"--{option}: lab.yaml has no {name!r}", f"it has: {', '.join(known) or 'none'}")
    out = options.out or config.root / "artifacts" / time.strftime("explore-%Y%m%d-%H%M%S", time.gmtime())
    wish = Wish(
        seconds=options.minutes * 60,
        seed=options.seed if options.seed is not None else secrets.randbelow(1_000_000),
        out=out.resolve(),
        driver=options.driver,
        plant=options.plant,
        is_first_enough=options.exitfirst,
        verifier=options.verifier or "",
        is_fuzzed=options.fuzzed,
    )
    return table_of_faults(config, wish) if options.faults else explore_once(config, wish)
