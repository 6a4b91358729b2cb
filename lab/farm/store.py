"""A content-addressed store: each file once, under the SHA-256 of what it holds.

A directory that all hosts see, or whatever else fsspec has a name for, as `s3://bucket/folder` with s3fs. Nothing that
comes out of it is believed: it is held against its digest.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any

from lab.errors import InfrastructureError, UsageError

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Store:
    """Files by digest, at `url`."""

    def __init__(self, url: str) -> None:
        """Raises UsageError for an address that nothing here can open."""
        import fsspec

        self.url = url
        try:
            self._files, self._root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise UsageError(f"{url} is no store: {error}", "a directory, or an address that fsspec knows") from None

    def put(self, file: Path) -> str:
        """Keep a file, unless it is there; returns its digest. Raises InfrastructureError."""
        digest = file_digest(file)
        path = self._path(digest)
        try:
            if not self._files.exists(path):
                self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
                # Not seen under its name before it is whole; two that put the same do no harm.
                partial = f"{path}.{os.getpid()}.partial"
                self._files.put_file(str(file), partial)
                self._files.mv(partial, path)
        except OSError as error:
            raise InfrastructureError(f"{file.name} could not be put into {self.url}: {error}") from None
        return digest

    def fetch(self, digest: str, to: Path) -> None:
        """Bring a file. Raises InfrastructureError when it is not there, or not what its digest says."""
        partial = to.with_name(f".{to.name}.{os.getpid()}.partial")
        try:
            self._files.get_file(self._path(digest), str(partial))
            found = file_digest(partial)
            if found != digest:
                raise InfrastructureError(f"{digest} in {self.url} is damaged: it holds {found}", "remove it there")
            partial.replace(to)
        except OSError as error:
            raise InfrastructureError(f"{digest} could not be fetched from {self.url}: {error}") from None
        finally:
            partial.unlink(missing_ok=True)

    def _path(self, digest: str) -> str:
        if not _DIGEST.fullmatch(digest):
            raise InfrastructureError(f"{digest[:80]!r} is no digest")
        return f"{self._root}/{digest[:2]}/{digest}"


class Shelf:
    """What a host has fetched already: each file travels once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def file(self, store: Store, digest: str) -> Path:
        """A file by its digest, fetched if it is not here. Raises InfrastructureError."""
        path = self._directory / digest[:2] / digest
        if not path.is_file() or file_digest(path) != digest:
            path.parent.mkdir(parents=True, exist_ok=True)
            store.fetch(digest, path)
        return path


def file_digest(file: Path) -> str:
    """SHA-256 in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def checked_name(name: Any) -> str:
    """A relative path that stays below where it is laid. Raises InfrastructureError."""
    parts = Path(str(name)).parts
    if not parts or Path(str(name)).is_absolute() or ".." in parts:
        raise InfrastructureError(f"{str(name)[:80]!r} is no name of a file below a directory")
    return str(name)
