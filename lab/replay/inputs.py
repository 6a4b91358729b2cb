"""What a scenario needs to be run again, kept by content in its directory: `replay/`.

`replay/lab.yaml` is the lab's own with all files named where they lie here, `replay/NAME.yaml` the scenario's file;
drivers with their PDBs are in `replay/drivers`, programs in `replay/programs`, the traffic program is
`replay/traffic.exe`, a reference model is in `replay/model`, files that the debugger serves are in `replay/served`,
an order that the scenario followed is `replay/order.json`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from lab.config import CONFIG_NAME, Config
from lab.scenario.model import Scenario
from lab.scenario.render import guest_files
from lab.yaml_file import read_document

INPUTS = "replay"
TRAFFIC = "traffic.exe"
DIGESTS = "digests.json"
ORDER = "order.json"


def keep_inputs(directory: Path, config: Config, scenario: Scenario, traffic: Path) -> None:
    """Copy into `directory` what `scenario` used, so that the directory alone is enough to run it again.

    A file that is gone is left out; whoever runs it again is told. Raises OSError when the disk is full.
    """
    _Keeper(directory / INPUTS, config, scenario).keep(traffic)


class _Keeper:
    def __init__(self, root: Path, config: Config, scenario: Scenario) -> None:
        self._root = root
        self._config = config
        self._scenario = scenario
        self._digests: dict[str, str] = {}

    def keep(self, traffic: Path) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        self._copy(traffic, TRAFFIC)
        self._keep_scenario()
        data = json.dumps(self._lab_yaml(), indent=1)
        (self._root / CONFIG_NAME).write_text(data + "\n", encoding="utf-8")
        (self._root / DIGESTS).write_text(json.dumps(self._digests, indent=1) + "\n", encoding="utf-8")

    def _lab_yaml(self) -> dict[str, Any]:
        """The lab's own file, as it was written, with the names of the copies. JSON is YAML."""
        data: dict[str, Any] = dict(read_document(self._config.path).data)
        data.pop("build", None)
        used = {file.name for file in guest_files(self._scenario) if file.kind == "driver"} | {
            self._scenario.driver.name
        }
        for name, driver in self._config.drivers.items():
            kept = f"drivers/{driver.file.name}"
            data["drivers"] = {**data["drivers"], name: {**data["drivers"][name], "file": kept}}
            if name in used:
                self._copy(driver.file, kept)
                self._copy(driver.file.with_suffix(".pdb"), f"drivers/{driver.file.stem}.pdb")
        data["default_driver"] = self._scenario.driver.name
        if self._config.programs:
            data["programs"] = [f"programs/{name}" for name in self._config.programs]
        for name in {file.name for file in guest_files(self._scenario) if file.kind == "program"}:
            self._copy(self._config.programs[name], f"programs/{name}")
        if self._config.model is not None:
            self._copy(self._config.model.file, f"model/{self._config.model.file.name}")
            data["model"] = f"model/{self._config.model.file.name}:{self._config.model.name}"
        return self._with_served(data)

    def _with_served(self, data: dict[str, Any]) -> dict[str, Any]:
        """All files that the debugger serves, also those that the scenario's own file names."""
        served = {}
        for number, (guest, file) in enumerate(sorted(self._scenario.debugger.serve.items()), 1):
            served[guest] = f"served/{number}-{file.name}"
            self._copy(file, served[guest])
        if served:
            data["debugger"] = {**data.get("debugger", {}), "serve": served}
        return data

    def _keep_scenario(self) -> None:
        """Its file as it was written; where that names the file of an order, with the name of the copy."""
        path = self._scenario.path
        data: dict[str, Any] = dict(read_document(path).data)
        schedule = data.get("schedule")
        order = schedule.get("replay") if isinstance(schedule, dict) else None
        if not isinstance(order, str):
            self._copy(path, path.name)
            return
        source = path.parent / order
        self._copy(source / ORDER if source.is_dir() else source, ORDER)
        text = json.dumps({**data, "schedule": {"replay": ORDER}}, indent=1) + "\n"
        (self._root / path.name).write_text(text, encoding="utf-8")
        self._digests[path.name] = hashlib.sha256(text.encode()).hexdigest()

    def _copy(self, source: Path, name: str) -> None:
        if name in self._digests or not source.is_file():
            return
        target = self._root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        self._digests[name] = hashlib.sha256(target.read_bytes()).hexdigest()
