"""A security catalog: the hashes of a driver package's files in one signed list, without which `pnputil` takes no INF.

A catalog is a PKCS #7 SignedData (RFC 2315) whose content is a certificate trust list. Sources: learn.microsoft.com,
"Catalog files and digital signatures", CTL_INFO, mscat.h, wintrust.h (object identifiers and their structures);
"Windows Authenticode Portable Executable Signature Format" (what of an image is hashed). No Windows has seen one yet.
"""

from __future__ import annotations

import datetime
import hashlib
import secrets
from collections.abc import Sequence
from pathlib import Path

import pefile

from lab.errors import UsageError
from vm_images.windows.der import (
    bit_string,
    bmp_string,
    explicit,
    integer,
    null,
    object_id,
    octets,
    sequence,
    set_of,
    utc_time,
)

SIGNED_DATA = "1.2.840.113549.1.7.2"
TRUST_LIST = "1.3.6.1.4.1.311.10.1"
CATALOG = "1.3.6.1.4.1.311.12.1.1"
MEMBER = "1.3.6.1.4.1.311.12.1.2"
NAME_VALUE = "1.3.6.1.4.1.311.12.2.1"
MEMBER_INFO = "1.3.6.1.4.1.311.12.2.2"
INDIRECT_DATA = "1.3.6.1.4.1.311.2.1.4"
PE_IMAGE_DATA = "1.3.6.1.4.1.311.2.1.15"
CAB_DATA = "1.3.6.1.4.1.311.2.1.25"
"""Of every file that is no image."""
SHA256 = "2.16.840.1.101.3.4.2.1"
PE_SUBJECT = "{C689AAB8-8E78-11D0-8C47-00C04FC295EE}"
FLAT_SUBJECT = "{DE351A42-8E59-11D0-8C47-00C04FC295EE}"
"""Which part of Windows hashes such a file."""
SHOWN_AND_HASHED = 0x10010001
"""CRYPTCAT_ATTR_AUTHENTICATED, _NAMEASCII and _DATAASCII: a text, under a name that is text."""
MEMBER_VERSION = 0x200
WINDOWS_10 = "2:10.0"
CHECKSUM_SIZE, DIRECTORY_SIZE = 4, 8


def catalog(files: Sequence[Path], now: datetime.datetime) -> bytes:
    """The unsigned catalog of these files, for Windows 10 and later; `now` is UTC.

    Raises UsageError for a damaged image.
    """
    trust_list = sequence(
        sequence(object_id(CATALOG)),
        octets(secrets.token_bytes(16)),
        utc_time(now),
        sequence(object_id(MEMBER), null()),
        sequence(*sorted(_member(file) for file in files)),
        explicit(0, sequence(sequence(object_id(NAME_VALUE), octets(_name_value("OS", "_v100_X64"))))),
    )
    content = sequence(object_id(TRUST_LIST), explicit(0, trust_list))
    return sequence(object_id(SIGNED_DATA), explicit(0, sequence(integer(1), set_of(), content, set_of())))


def authenticode_digest(image: bytes) -> bytes:
    """SHA-256 of a PE image without its checksum and signature, as a signature has it. Raises UsageError."""
    try:
        header = pefile.PE(data=image, fast_load=True).OPTIONAL_HEADER
        checksum = header.get_field_absolute_offset("CheckSum")
        security = header.DATA_DIRECTORY[pefile.DIRECTORY_ENTRY["IMAGE_DIRECTORY_ENTRY_SECURITY"]]
    except (pefile.PEFormatError, IndexError) as error:
        raise UsageError(f"this is no whole Windows image: {error}") from None
    entry = security.get_file_offset()
    end = security.VirtualAddress or len(image)
    hashed = image[:checksum] + image[checksum + CHECKSUM_SIZE : entry] + image[entry + DIRECTORY_SIZE : end]
    return hashlib.sha256(hashed + bytes(-end % 8)).digest()


def _member(file: Path) -> bytes:
    content = file.read_bytes()
    is_image = content.startswith(b"MZ")
    digest = authenticode_digest(content) if is_image else hashlib.sha256(content).digest()
    # The file that the data would name is obsolete, and says so in catalogs of Windows itself.
    nowhere = explicit(2, b"\x80\x00")
    data = (
        sequence(object_id(PE_IMAGE_DATA), sequence(bit_string(0b10100000, 3), explicit(0, nowhere)))
        if is_image
        else sequence(object_id(CAB_DATA), nowhere)
    )
    attributes = {
        NAME_VALUE: [_name_value("File", file.name), _name_value("OSAttr", WINDOWS_10)],
        MEMBER_INFO: [sequence(bmp_string(PE_SUBJECT if is_image else FLAT_SUBJECT), integer(MEMBER_VERSION))],
        INDIRECT_DATA: [sequence(data, sequence(sequence(object_id(SHA256), null()), octets(digest)))],
    }
    listed = [sequence(object_id(kind), set_of(value)) for kind, values in attributes.items() for value in values]
    return sequence(octets(_text(digest.hex().upper())), set_of(*listed))


def _name_value(name: str, value: str) -> bytes:
    return sequence(bmp_string(name), integer(SHOWN_AND_HASHED), octets(_text(value)))


def _text(text: str) -> bytes:
    """As Windows keeps a string: UTF-16, with the zero at its end."""
    return f"{text}\0".encode("utf-16-le")
