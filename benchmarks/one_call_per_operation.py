"""Scenarios as a client without this lab would do them: one pywinrm `run_cmd` for each operation.

An operation is a call of a small program that opens the name, does the one thing and ends. What a name holds goes with
its last handle, so a handle that a scenario keeps open is kept by a command that is started for it and left running;
closing ends that command. The lanes of a parallel block are done one after the other; barriers, sleeps and
expectations are left out, which is in favour of this client.
"""

from __future__ import annotations

import winrm

from lab.guest.services import TRAFFIC
from lab.running import RunningLab
from lab.scenario.model import GuestFile, Scenario, Step
from lab.scenario.render import guest_files
from lab.traffic.script import Script

KEPT_MS = 600_000
STEP_MS = 30_000
ACTOR = "a"
_TRANSFERS = ("write", "read", "ioctl", "flush")


class CallByCall:
    """A pywinrm session, and what it keeps open."""

    def __init__(self, lab: RunningLab) -> None:
        self._lab = lab
        remote = lab.remote
        self._session = winrm.Session(
            f"http://{remote.host}:{remote.winrm_port}/wsman",
            auth=(remote.credentials.user, remote.credentials.password),
            transport="ntlm",
        )
        self._shell = ""
        self._kept: dict[tuple[str, str], str] = {}

    def perform(self, scenario: Scenario) -> int:
        """Do it; return how many operations that were. Raises RuntimeError when a call does not work."""
        steps = [step for step in scenario.steps if step.op in (*_TRANSFERS, "open", "close", "service")]
        paths = {file: self._lab.ensure_driver(file.name) for file in guest_files(scenario)}
        scripts = {step.id: self._put(number, step) for number, step in enumerate(steps) if step.op != "service"}
        self._shell = self._session.protocol.open_shell()
        for step in steps:
            if step.op == "service":
                arguments = [paths[each] if isinstance(each, GuestFile) else each for each in step.args]
                self._call(["service", *arguments])
            elif step.op == "open":
                self._keep(step, scripts[step.id])
            elif step.op == "close":
                self._drop(step.actor, step.handle)
            else:
                self._call(["run", scripts[step.id]])
        for actor, handle in list(self._kept):
            self._drop(actor, handle)
        self._session.protocol.close_shell(self._shell)
        return len(steps)

    def _put(self, number: int, step: Step) -> str:
        remote = rf"C:\lab\run\call-{number}.txt"
        script = Script(KEPT_MS)
        script.actor(ACTOR)
        args = [str(each) for each in step.args]
        if step.op == "open":
            script.step("1", ACTOR, STEP_MS, "open", *args)
            script.step("2", ACTOR, KEPT_MS, "sleep", str(KEPT_MS - 1000))
        else:
            script.step("1", ACTOR, STEP_MS, "open", step.handle, step.path, "rw")
            script.step("2", ACTOR, STEP_MS, step.op, *args)
        self._lab.guest.put(script.text.encode(), remote)
        return remote

    def _call(self, arguments: list[str]) -> None:
        done = self._session.run_cmd(TRAFFIC, arguments)
        if done.status_code != 0:
            raise RuntimeError(f"{arguments}: {done.std_out!r} {done.std_err!r}")

    def _keep(self, step: Step, script: str) -> None:
        command = self._session.protocol.run_command(self._shell, TRAFFIC, ["run", script])
        out = b""
        while b'"op":"open"' not in out:
            more, _, _, done = self._session.protocol.get_command_output_raw(self._shell, command)
            out += more
            if done:
                raise RuntimeError(f"{step.text}: {out!r}")
        self._kept[step.actor, step.handle] = command

    def _drop(self, actor: str, handle: str) -> None:
        self._session.protocol.cleanup_command(self._shell, self._kept.pop((actor, handle)))
