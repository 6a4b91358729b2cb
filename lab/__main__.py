"""Entry of the `lab` command. Imports nothing heavy itself, so that Ctrl-C is answered from the first moment on."""

from __future__ import annotations

import sys

INTERRUPTED = 130


def main() -> int:
    """Run the command; Ctrl-C ends it with one line."""
    try:
        from lab.cli import run

        return run()
    except KeyboardInterrupt:
        print("\nlab: interrupted", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
