#!/usr/bin/env python3
"""The stand-in's commands, by the name that it is called by. What they answer is in $STANDIN, a JSON file."""

import datetime
import json
import os
import sys
from pathlib import Path

tool, arguments = Path(sys.argv[0]).name, sys.argv[1:]
answers = json.loads(Path(os.environ["STANDIN"]).read_text())
if tool == "cmd.exe" and arguments[1] == "echo":
    print(arguments[2])
elif tool == "powershell.exe" and "-File" in arguments:
    now = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=answers["clock"])
    print("LAB " + json.dumps({**answers["dump"], "now": now.isoformat()}))
elif tool == "powershell.exe":
    sys.stdin.read()
elif tool == "sc.exe" and arguments[0] == "start":
    os._exit(answers["unsigned"] & 0xFF)
