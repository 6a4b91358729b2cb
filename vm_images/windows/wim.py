"""What a Windows Imaging file (install.wim, install.esd) says of the images in it.

Source: "Windows Imaging File Format (WIM)", Microsoft: the header's `rhXmlData` leads to a UTF-16 XML document.
"""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import BinaryIO

from lab.errors import UsageError

MAGIC = b"MSWIM\0\0\0"
_HEADER = struct.Struct("<8s 40x 24x Q Q Q")
"""_WIMHEADER_V1_PACKED up to and with rhXmlData: size and flags, offset, original size."""
_SIZE_MASK = (1 << 56) - 1
_COMPRESSED = 0x04 << 56
MAX_XML = 16 << 20
ARCHITECTURES = {0: "x86", 5: "ARM", 6: "Itanium", 9: "amd64", 12: "ARM64"}
"""PROCESSOR_ARCHITECTURE_* of winnt.h."""


@dataclass(frozen=True)
class WimImage:
    """One installable edition."""

    index: int
    name: str
    edition: str
    """EDITIONID, such as Professional, EnterpriseEval, ServerStandard."""
    installation: str
    """Client, Server or Server Core."""
    architecture: str
    build: int
    language: str

    @property
    def is_server(self) -> bool:
        return self.installation.startswith("Server")

    @property
    def is_evaluation(self) -> bool:
        return "Eval" in self.edition  # As in EnterpriseEval, and in ServerStandardEvalCor of a Server Core.

    def __str__(self) -> str:
        return f"{self.index}: {self.name} ({self.edition}, build {self.build}, {self.architecture}, {self.language})"


def read_images(stream: BinaryIO) -> list[WimImage]:
    """The images of a WIM or ESD file, in its order.

    Raises UsageError that says what is wrong when it is none, or a damaged one.
    """
    head = stream.read(_HEADER.size)
    if len(head) < _HEADER.size or head[: len(MAGIC)] != MAGIC:
        raise UsageError("no Windows Imaging file: its header is missing")
    _magic, size_and_flags, offset, _original = _HEADER.unpack(head)
    size = size_and_flags & _SIZE_MASK
    if size_and_flags & _COMPRESSED or not 0 < size <= MAX_XML:
        raise UsageError(f"damaged Windows Imaging file: its XML data would be {size} bytes")
    stream.seek(offset)
    data = stream.read(size)
    if len(data) < size:
        raise UsageError(f"truncated Windows Imaging file: {len(data)} of {size} bytes of its XML data are there")
    try:
        root = ET.fromstring(data.decode("utf-16"))  # noqa: S314  # no external entities in ElementTree; size bounded
        return [_image(each) for each in root.iter("IMAGE") if each.find("WINDOWS") is not None]
    except (ET.ParseError, UnicodeDecodeError, ValueError) as error:
        raise UsageError(f"damaged Windows Imaging file: its XML data cannot be read: {error}") from None


def _image(element: ET.Element) -> WimImage:
    return WimImage(
        index=int(element.get("INDEX", "")),
        name=element.findtext("NAME", ""),
        edition=element.findtext("WINDOWS/EDITIONID", ""),
        installation=element.findtext("WINDOWS/INSTALLATIONTYPE", ""),
        architecture=ARCHITECTURES.get(int(element.findtext("WINDOWS/ARCH", "-1")), "unknown"),
        build=int(element.findtext("WINDOWS/VERSION/BUILD", "0")),
        language=element.findtext("WINDOWS/LANGUAGES/DEFAULT", "en-US"),
    )
