"""What is on a CD that the lab made."""

from __future__ import annotations

import io
from pathlib import Path

import pycdlib


def read_file(cd: Path, name: str) -> bytes:
    """The file's content, by the name that Windows sees."""
    disc = pycdlib.PyCdlib()
    disc.open(str(cd))
    content = io.BytesIO()
    disc.get_file_from_iso_fp(content, joliet_path=f"/{name}")
    disc.close()
    return content.getvalue()
