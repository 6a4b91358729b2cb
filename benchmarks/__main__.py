"""`make benchmark`, or `python -m benchmarks [NAME ...]` with names of BENCHMARKS."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import burst, check, farm, history, kd, rate, recovery, results, scenarios, start, throughput, vms
from lab.cli import report
from lab.config import Config, find_config, load_config
from lab.errors import LabError

BENCHMARKS: dict[str, Callable[[Config], None]] = {
    "start": start.measure,
    "recovery": recovery.measure,
    "burst": burst.measure,
    "scenarios": scenarios.measure,
    "rate": rate.measure,
    "check": check.measure,
    "kd": kd.measure,
    "history": history.measure,
    "results": results.measure,
    "throughput": throughput.measure,
    "vms": vms.measure,
    "farm": farm.measure,
}


def main() -> int:
    names = sys.argv[1:] or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"no benchmark {unknown[0]!r}; there are: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    try:
        config = load_config(find_config(Path.cwd()))
        for name in names:
            print(f"\n{name}", flush=True)
            BENCHMARKS[name](config)
    except LabError as error:
        report(error)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
