"""`lab nightly`: everything, again and again, then the page."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from lab.cli_farm import add_certificates
from lab.cli_kd import Subcommands

if TYPE_CHECKING:
    from lab.nightly import Plan, Runner


def add_commands(commands: Subcommands) -> None:
    """`lab nightly` and `lab sweep`."""
    parser = commands.add_parser(
        "nightly", help="scenarios with many seeds, explore, drill, page: good (0), bad (1), not all could be run (3)"
    )
    parser.add_argument("scenarios", nargs="*", default=["scenarios"], help="as for pytest (default: scenarios)")
    parser.add_argument("--repetitions", type=_count, default=3, metavar="N", help="of each (default: %(default)d)")
    parser.add_argument("--seed", type=int, metavar="N", help="of the first repetition (default: drawn, and told)")
    parser.add_argument("--explore-minutes", type=float, default=10, metavar="N", help="0: not (default: %(default)g)")
    parser.add_argument("--drill", default="", metavar="FOLDER", help="with a drill.yaml (default: no drill)")
    parser.add_argument("--hours", type=float, default=8, metavar="N", help="of the whole night (default: %(default)g)")
    parser.add_argument("--notify-file", type=Path, metavar="FILE", help="write a summary there, only if there is news")
    parser.add_argument("--notify-url", default="", metavar="URL", help="post it there, only if there is news")
    parser.add_argument("--farm", default="", metavar="tls://HOST:PORT", help="on the workers of that scheduler")
    parser.add_argument("--store", default="", metavar="URL", help="what a farm keeps files in: a directory, s3://...")
    add_certificates(parser)
    _add_keep(parser)
    parser.set_defaults(run=_nightly)
    sweep = commands.add_parser("sweep", help="throw old artifacts away; failures stay for their own time")
    sweep.add_argument("--dry-run", action="store_true", help="only say what would go")
    _add_keep(sweep)
    sweep.set_defaults(run=_sweep)


def _add_keep(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keep-days", type=float, default=30, metavar="N", help="runs (default: %(default)g)")
    parser.add_argument("--keep-runs", type=_count, default=200, metavar="N", help="at most (default: %(default)d)")
    parser.add_argument("--keep-gib", type=float, default=20, metavar="N", help="at most (default: %(default)g)")
    parser.add_argument(
        "--keep-failure-days", type=float, default=90, metavar="N", help="what ended badly (default: %(default)g)"
    )


def _count(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 100000")
    return int(text)


def _nightly(options: argparse.Namespace) -> int:
    import secrets

    from lab.nightly import Plan, notify, run_night
    from lab.results.retention import Keep

    seed = options.seed if options.seed is not None else secrets.randbelow(1 << 31)
    plan = Plan(
        _root(options), options.scenarios, options.repetitions, seed, options.explore_minutes, options.drill,
        options.hours, Keep(options.keep_days, options.keep_runs, options.keep_gib, options.keep_failure_days),
    )  # fmt: skip
    night = run_night(plan, _on_farm(options, plan) if options.farm else None)
    print(night.text(), end="")
    if night.is_news:
        trouble = notify(night, file=options.notify_file, url=options.notify_url)
        if trouble:
            print(f"nightly: {trouble}")
    return night.exit_status


def _on_farm(options: argparse.Namespace, plan: Plan) -> Runner:
    import time

    from lab.farm.night import FarmRunner, Place

    place = Place(options.farm, options.certificates, options.store or str(plan.root / ".lab" / "store"))
    return FarmRunner(plan.root, time.monotonic() + plan.hours * 3600, place)


def _sweep(options: argparse.Namespace) -> int:
    from lab.results.record import artifacts_of
    from lab.results.retention import Keep, sweep

    keep = Keep(options.keep_days, options.keep_runs, options.keep_gib, options.keep_failure_days)
    gone = sweep(artifacts_of(_root(options)), keep, dry=options.dry_run)
    would = "would go" if options.dry_run else "gone"
    print(f"{len(gone)} runs or parts of them {would}, {sum(each.size for each in gone) / (1 << 20):.0f} MiB")
    return 0


def _root(options: argparse.Namespace) -> Path:
    from lab.config import find_config, load_config

    return load_config(options.config or find_config(Path.cwd())).root
