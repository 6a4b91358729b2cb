"""What is on a CD that the lab made."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pycdlib


def read_file(cd: Path, name: str, tree: str = "joliet_path") -> bytes:
    """The file's content, by the name that Windows sees, or by that of another `tree` of names."""
    disc = pycdlib.PyCdlib()
    disc.open(str(cd))
    content = io.BytesIO()
    where: dict[str, Any] = {tree: f"/{name}"}
    disc.get_file_from_iso_fp(content, **where)
    disc.close()
    return content.getvalue()
