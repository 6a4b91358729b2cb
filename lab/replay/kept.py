"""A scenario's directory, opened to be run again: checked before anything boots."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab.config import CONFIG_NAME, Config, load_config
from lab.document import printable
from lab.errors import UsageError
from lab.replay.inputs import DIGESTS, INPUTS, TRAFFIC
from lab.report.record import Record, read_json, read_record
from lab.running import RunningLab
from lab.scenario.load import load_scenarios
from lab.scenario.model import Scenario


class Kept:
    """What a directory holds: how the scenario ended, what it needs. Raises UsageError for one that is not whole."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        self.record: Record = read_record(directory)
        self._inputs = self.directory / INPUTS
        if not (self._inputs / CONFIG_NAME).is_file():
            what = f"{directory} does not hold what is needed to run it again ({INPUTS}/{CONFIG_NAME})"
            raise UsageError(what, "only scenarios that ended badly keep it; copy the whole directory")
        self._check_digests()
        self.config: Config = load_config(self._inputs / CONFIG_NAME)

    @property
    def traffic(self) -> Path:
        """The traffic program that it ran with."""
        return self._inputs / TRAFFIC

    @property
    def own_config(self) -> Config:
        """For a lab of its own: without the programs that lab.yaml names and the scenario did not use."""
        programs = {name: file for name, file in self.config.programs.items() if file.is_file()}
        return replace(self.config, programs=programs)

    @property
    def image(self) -> str:
        """Digest of the guest image that it ran on; empty when nobody knows."""
        return self.record.text("from", "image")

    def scenario(self) -> Scenario:
        """The scenario at its point of the matrix, with the seed and what the debugger served then."""
        path = self._inputs / Path(self.record.text("file") or "scenario.yaml").name
        wanted = self.record.result.get("point")
        seed = self.record.result.get("seed")
        for each in load_scenarios(path, self.config, seed if isinstance(seed, int) else None):
            if dict(each.point) == wanted:
                serve = {**each.debugger.serve, **self.config.debugger.serve}
                return replace(each, debugger=replace(each.debugger, serve=serve))
        raise UsageError(f"{path} has no point {printable(str(wanted), 200)}", "the directory was changed")

    def equip(self, lab: RunningLab) -> None:
        """Make a lab use the kept drivers and programs in place of its own; its virtual machine stays."""
        lab.config = replace(self.config, root=lab.config.root)
        lab.traffic_program = self.traffic

    def _check_digests(self) -> None:
        digests = read_json(self._inputs / DIGESTS)
        for name, digest in self._named(digests).items():
            file = (self._inputs / name).resolve()
            if not file.is_relative_to(self._inputs) or not file.is_file():
                raise UsageError(f"{self._inputs / name} is missing", "copy the whole directory")
            if hashlib.sha256(file.read_bytes()).hexdigest() != digest:
                raise UsageError(f"{file} is not what the scenario ran with", "copy the directory anew")

    @staticmethod
    def _named(digests: Any) -> dict[str, Any]:
        if not isinstance(digests, dict) or TRAFFIC not in digests:
            raise UsageError("the list of kept files cannot be read", "copy the whole directory")
        return digests
