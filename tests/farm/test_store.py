"""Files by content: what is fetched is what was put, and nothing lies outside of where it is laid."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import InfrastructureError, UsageError
from lab.farm.certificates import make_certificates, security
from lab.farm.store import Shelf, Store
from lab.farm.tree import bring_files, files_of, lay_tree, put_tree


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "made"
    (made / "below").mkdir(parents=True)
    (made / "driver.sys").write_bytes(b"MZ" * 1000)
    (made / "below" / "copy.sys").write_bytes(b"MZ" * 1000)
    return made


def test_a_tree_comes_back_as_it_was_each_file_having_travelled_once(
    store: Store, directory: Path, tmp_path: Path
) -> None:
    digest = put_tree(store, files_of(directory))
    assert put_tree(store, files_of(directory)) == digest
    assert len([each for each in (tmp_path / "store").rglob("*") if each.is_file()]) == 2
    shelf = Shelf(tmp_path / "shelf")
    laid = lay_tree(shelf, store, digest, tmp_path / "laid")
    assert {name: file.read_bytes() for name, file in files_of(laid).items()} == {
        name: file.read_bytes() for name, file in files_of(directory).items()
    }
    for each in (tmp_path / "store").rglob("*"):
        if each.is_file():
            each.unlink()
    lay_tree(shelf, store, digest, tmp_path / "again")


def test_a_store_may_be_anything_that_has_a_name(directory: Path, tmp_path: Path) -> None:
    store = Store("memory://bucket/folder")
    digest = store.put(directory / "driver.sys")
    assert store.put(directory / "below" / "copy.sys") == digest
    store.fetch(digest, tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == b"MZ" * 1000


def test_what_is_not_what_its_digest_says_is_refused(store: Store, directory: Path, tmp_path: Path) -> None:
    digest = store.put(directory / "driver.sys")
    (kept,) = (each for each in (tmp_path / "store").rglob("*") if each.is_file())
    kept.write_bytes(b"another driver")
    with pytest.raises(InfrastructureError, match="is damaged"):
        store.fetch(digest, tmp_path / "fetched")
    assert not (tmp_path / "fetched").exists()
    with pytest.raises(InfrastructureError, match="could not be fetched"):
        store.fetch("0" * 64, tmp_path / "fetched")
    with pytest.raises(InfrastructureError, match="is no digest"):
        store.fetch("../../etc/passwd", tmp_path / "fetched")


@pytest.mark.parametrize("name", ["../out", "/etc/out", "a/../../out", ""])
def test_names_stay_below(store: Store, directory: Path, tmp_path: Path, name: str) -> None:
    digest = store.put(directory / "driver.sys")
    with pytest.raises(InfrastructureError, match="is no name of a file below"):
        bring_files(store, {name: digest}, tmp_path / "in")


def test_a_store_that_nothing_here_can_open_is_told() -> None:
    with pytest.raises(UsageError, match="is no store"):
        Store("nowhere://bucket")


def test_certificates_are_made_once_and_private(tmp_path: Path) -> None:
    for each in make_certificates(tmp_path / "own"):
        assert each.stat().st_mode & 0o077 == 0
    with pytest.raises(UsageError, match="is there already"):
        make_certificates(tmp_path / "own")
    with pytest.raises(UsageError, match="there is no"):
        security(tmp_path, "worker")
