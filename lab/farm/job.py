"""What a farm is asked for, and what comes back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

SCENARIO = "scenario"
EXPLORE = "explore"
DRILL = "drill"


@dataclass(frozen=True)
class Job:
    """One scenario at one point of its matrix with one seed, on one driver and one image; or a part of a night."""

    name: str
    """For people."""
    driver: str = ""
    """SHA-256 of the driver image."""
    image: str = ""
    """Digest of the guest image."""
    scenario: str = ""
    """SHA-256 of the scenario's file; of a part of a night: what is done, in words."""
    point: Mapping[str, str | int] = field(default_factory=dict)
    seed: int | None = None
    guest: str = "wine"
    """The resource of a worker that it takes."""
    kind: str = SCENARIO
    file: str = ""
    """In the tree: the scenario, or the drill's folder."""
    minutes: float = 0.0
    """Of exploring."""
    tree: str = ""
    """Digest of lab.yaml and all that it names, in the store."""
    image_tree: str = ""
    """Digest of the guest image's directory, in the store."""
    store: str = ""

    @property
    def id(self) -> str:
        """The same for the same work, whoever asks for it: what it runs, where, on what, and with which seed."""
        what = [self.kind, self.scenario, self.file, dict(self.point), self.seed, self.minutes]
        parts = [self.driver, self.image, *what]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Manifest:
    """How a job ended: its cause class, and the files that it left, in the store."""

    cause: str
    reason: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    """Digests by name."""
    directory: str = ""
    """What the files' directory was called."""
    status: int = 0
    """Of a part of a night: its exit status."""
    seconds: float = 0.0


@dataclass(frozen=True)
class Ended:
    """A job with its one manifest, and what was tried before."""

    job: Job
    manifest: Manifest
    worker: str = ""
    attempts: tuple[str, ...] = ()
    """Where else it was tried, and what came of it, in words."""
