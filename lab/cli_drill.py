"""`lab drill`: the lab's own crash test."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from lab.cli_kd import Subcommands

if TYPE_CHECKING:
    from lab.config import Config
    from lab.drill import Drill, Ending

_FORM = "{:<16} {:<14} {:<34} {:<10} {:>7} {:>7} {:>7}"


def add_commands(commands: Subcommands) -> None:
    """`lab drill`."""
    parser = commands.add_parser("drill", help="crash and hang the guest on purpose: does all of it end as it should?")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="with a drill.yaml and its scenarios")
    parser.add_argument("--only", metavar="NAME", action="append", help="this fault; may be given more than once")
    parser.set_defaults(run=_do_drill)


def _do_drill(options: argparse.Namespace) -> int:
    from lab.config import find_config, load_config

    config = load_config(options.config or find_config(options.folder))
    return drill_in(config, options.folder, config.root / "artifacts", options.only)


def drill_in(config: Config, folder: Path, artifacts: Path, only: list[str] | None = None) -> int:
    """Perform the drill in `folder`, its results below `artifacts`; 1 when something is not as it should be."""
    from lab.bringup import up
    from lab.drill import load_drill, run_drill
    from lab.progress import Progress
    from lab.report.run_record import DRILL, begin_run
    from lab.results.record import record
    from lab.running import RunningLab
    from lab.scenario.session import ScenarioSession

    drill = _chosen(load_drill(folder, config), only)

    claimed = ExitStack()

    def bring_up() -> RunningLab:
        lab = up(config, Progress())
        lab.claim()
        claimed.callback(lab.release)
        return lab

    session = ScenarioSession(bring_up, artifacts)
    begin_run(session.run_directory, DRILL)
    print(_FORM.format("fault", "ended as", "where", "signature", "report", "dump", "ready"), flush=True)
    with claimed:
        endings = run_drill(drill, session, lambda ending: print("\n".join(_lines(ending)), flush=True))
    bad = [ending for ending in endings if ending.complaints]
    hidden = [ending for ending in endings if not ending.shown]
    good = len(endings) - len(bad) - len(hidden)
    print(f"\n{good} as they should, {len(bad)} not, {len(hidden)} that this guest cannot show")
    run = session.finish(DRILL)
    if run is not None:
        record(run)
    print(f"results: {session.run_directory}")
    return 1 if bad else 0


def _chosen(drill: Drill, names: list[str] | None) -> Drill:
    from dataclasses import replace

    from lab.errors import UsageError

    known = {fault.name: fault for fault in drill.faults}
    for name in names or ():
        if name not in known:
            raise UsageError(f"the drill has no fault {name!r}", f"it has: {', '.join(known)}")
    return replace(drill, faults=tuple(known[name] for name in names)) if names else drill


def _lines(ending: Ending) -> list[str]:
    if not ending.shown:
        return [f"{ending.fault.name:<16} not shown: {ending.what}"]
    seconds = [
        f"{each:.1f} s" if each is not None else "-"
        for each in (ending.report_after, ending.dump_after, ending.ready_after)
    ]
    line = _FORM.format(ending.fault.name, ending.what, ending.place or "-", ending.signature or "-", *seconds)
    return [line, *(f"    {complaint}" for complaint in ending.complaints)]
