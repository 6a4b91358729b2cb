"""A scene as a file: compressed JSON, so that a report can be made of it again, with other symbols or elsewhere."""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import uuid
import zlib
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from lab.crash.kept_memory import KeptMemory
from lab.crash.scene import ExceptionRecord, Scene, SceneModule, SceneThread
from lab.errors import UsageError
from lab.kd.bugcheck import Bugcheck
from lab.symbols.image import PdbIdentity

VERSION = 1
LARGEST = 64 << 20
"""Bytes of JSON that are read at most."""


def save_scene(scene: Scene, memory: KeptMemory, path: Path) -> None:
    """Write `scene`, whose memory `memory` is; a reader sees the whole file or none."""
    data = {
        "v": VERSION,
        "source": scene.source,
        "machine": scene.machine,
        "time": scene.time.isoformat() if scene.time else None,
        "system": scene.system,
        "process": scene.process,
        "bugcheck": asdict(scene.bugcheck) if scene.bugcheck else None,
        "exception": asdict(scene.exception) if scene.exception else None,
        "modules": [_module_json(each) for each in scene.modules],
        "threads": [asdict(each) for each in scene.threads],
        "notes": list(scene.notes),
        "facts": dict(scene.facts),
        "memory": [[address, base64.b64encode(data).decode()] for address, data in memory.regions()],
    }
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(gzip.compress(json.dumps(data).encode(), 6))
    temporary.replace(path)


def load_scene(path: Path) -> Scene:
    """Read what `save_scene` wrote. Raises UsageError for a file that cannot be read or is no scene."""
    try:
        with gzip.open(path, "rb") as file:
            text = file.read(LARGEST + 1)
        if len(text) > LARGEST:
            raise ValueError("too large")
        data = json.loads(text)
        if data.get("v") != VERSION:
            raise ValueError(f"version {data.get('v')!r}, this lab reads {VERSION}")
        return _scene(data)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}", "name a scene.json.gz of a run") from None
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, zlib.error, binascii.Error) as error:
        raise UsageError(f"{path} is no scene of this lab: {error}", "name a scene.json.gz of a run") from None


def _scene(data: dict[str, Any]) -> Scene:
    exception, bugcheck = data["exception"], data["bugcheck"]
    return Scene(
        source=str(data["source"]),
        machine=str(data["machine"]),
        memory=KeptMemory.of((int(address), base64.b64decode(piece)) for address, piece in data["memory"]),
        time=datetime.fromisoformat(data["time"]) if data["time"] else None,
        system=str(data["system"]),
        process=str(data["process"]),
        bugcheck=Bugcheck(bugcheck["code"], tuple(bugcheck["parameters"])) if bugcheck else None,
        exception=ExceptionRecord(**exception | {"parameters": tuple(exception["parameters"])}) if exception else None,
        modules=tuple(_module(each) for each in data["modules"]),
        threads=tuple(SceneThread(**each) for each in data["threads"]),
        notes=tuple(data["notes"]),
        facts=dict(data["facts"]),
    )


def _module_json(module: SceneModule) -> dict[str, Any]:
    pdb = module.pdb
    return asdict(module) | {"pdb": [str(pdb.guid), pdb.age, pdb.name] if pdb else None}


def _module(data: dict[str, Any]) -> SceneModule:
    pdb = data["pdb"]
    return SceneModule(**data | {"pdb": PdbIdentity(uuid.UUID(pdb[0]), int(pdb[1]), str(pdb[2])) if pdb else None})
