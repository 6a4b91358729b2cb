"""`python -m fuzz [parser|messages|session] [--seconds N]`, in `tests`: fuzz, and keep what breaks as a seed."""

from __future__ import annotations

import argparse
import sys

from fuzz.campaign import MAX_LENGTH, fuzz


def main() -> int:
    arguments = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    arguments.add_argument("targets", nargs="*", choices=[*MAX_LENGTH, []], help="default: all")
    arguments.add_argument("--seconds", type=int, default=60, help="in all (default: %(default)s)")
    options = arguments.parse_args()
    try:
        import atheris  # noqa: F401
    except ImportError:
        print("fuzzing needs atheris: .venv/bin/pip install -e '.[fuzz]'", file=sys.stderr)
        return 3
    names = options.targets or list(MAX_LENGTH)
    return max(fuzz(name, max(options.seconds // len(names), 1)) for name in names)


if __name__ == "__main__":
    sys.exit(main())
