"""What several tests of Windows' parts need."""

from __future__ import annotations

from pathlib import Path

import pytest

from vm_images.windows.certificate import signing_certificate


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a test certificate and its key."""
    directory = tmp_path_factory.mktemp("keys")
    signing_certificate(directory)
    return directory
