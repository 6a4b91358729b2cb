"""Protocol material that may lie beside the repository; tests that need it are skipped without it."""

from __future__ import annotations

from pathlib import Path

import pytest

MATERIAL = Path(__file__).parents[3] / "shared" / "kd"
RECORDINGS = [MATERIAL / "recordings" / f"nt-{machine}-driver-load.bin" for machine in ("amd64", "i386")]
VECTORS = MATERIAL / "vectors.json"

needs_recordings = pytest.mark.skipif(
    not all(each.is_file() for each in RECORDINGS), reason="the recordings of NT targets are not at hand"
)
needs_vectors = pytest.mark.skipif(not VECTORS.is_file(), reason="the protocol vectors are not at hand")
