"""`python3 -m vm_images.wine`: build the image unless it is there; print its directory."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from lab.errors import LabError
from vm_images.wine.build import ensure_image


class _Lines:
    """A progress of plain lines on stderr."""

    @contextmanager
    def phase(self, title: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        print(f"  {title:<34} {time.monotonic() - start:7.1f} s", file=sys.stderr)


def main() -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python3 -m vm_images.wine", description=__doc__)
    parser.add_argument("--force", action="store_true", help="build it even if there is one for this recipe")
    options = parser.parse_args()
    try:
        print(ensure_image(_Lines(), force=options.force))
    except LabError as error:
        print(f"{error}\n{error.advice}".strip(), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; the next build removes what is left of this one", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
