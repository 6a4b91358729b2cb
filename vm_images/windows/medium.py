"""The user's installation medium: which editions are on it, and which one is to be installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import pycdlib
from pycdlib.pycdlibexception import PyCdlibException

from lab.errors import UsageError
from vm_images.windows.wim import WimImage, read_images

_INSTALL = ("sources/install.wim", "sources/install.esd")
_PREFERRED = ("ServerStandard", "ServerStandardEval", "Professional", "EnterpriseEval", "Enterprise")
"""Editions in the order in which one is taken when the user names none; desktop before core by INSTALLATIONTYPE."""


def read_medium(iso: Path) -> list[WimImage]:
    """The images on an installation ISO. Raises UsageError that names the file and says what it is not."""
    with opened(iso) as disc:
        for path in _INSTALL:
            try:
                with _file(disc, path) as stream:
                    return read_images(stream)
            except PyCdlibException:
                continue
            except UsageError as error:
                raise UsageError(f"{iso}: {path}: {error}", "copy or download the medium again") from None
    raise UsageError(
        f"{iso} is no Windows installation medium: it has neither {' nor '.join(_INSTALL)}",
        "name the ISO of Windows setup itself",
    )


@contextmanager
def opened(iso: Path) -> Iterator[pycdlib.PyCdlib]:
    """A disc's image. Raises UsageError that names the file and says what it is not."""
    disc = pycdlib.PyCdlib()
    try:
        disc.open(str(iso))
    except FileNotFoundError:
        raise UsageError(f"{iso} does not exist") from None
    except OSError as error:
        raise UsageError(f"{iso} cannot be read: {error.strerror}") from None
    except PyCdlibException as error:
        raise UsageError(f"{iso} is no ISO image: {error}") from None
    try:
        yield disc
    finally:
        disc.close()


@contextmanager
def _file(disc: pycdlib.PyCdlib, path: str) -> Iterator[BinaryIO]:
    """A file of the disc, by the name that its best directory has: Windows media are UDF, others ISO 9660."""
    names = {"udf_path": f"/{path}"} if disc.has_udf() else {"iso_path": f"/{path.upper()};1"}
    with disc.open_file_from_iso(**names) as stream:
        yield cast(BinaryIO, stream)


def choose_image(images: list[WimImage], edition: str | None) -> WimImage:
    """The one image that `edition` names: an index, an EDITIONID or a whole name. None takes the lab's favourite.

    Raises UsageError that lists what is there when not exactly one fits.
    """
    if edition is None:
        fitting = _favourites(images)
    else:
        wanted = edition.casefold()
        names = {id(each): (str(each.index), each.edition.casefold(), each.name.casefold()) for each in images}
        fitting = [each for each in images if wanted in names[id(each)]]
    if len(fitting) == 1:
        return fitting[0]
    there = "\n".join(f"  {each}" for each in images)
    what = "no edition of the medium is" if not fitting else "several editions of the medium are"
    asked = f"{edition!r}" if edition else "one that the lab would choose by itself"
    raise UsageError(f"{what} {asked}", f"name one with --edition INDEX:\n{there}")


def _favourites(images: list[WimImage]) -> list[WimImage]:
    desktop = [each for each in images if each.installation != "Server Core"] or images
    for edition in _PREFERRED:
        fitting = [each for each in desktop if each.edition == edition]
        if fitting:
            return fitting[:1]
    return desktop if len(desktop) == 1 else []
