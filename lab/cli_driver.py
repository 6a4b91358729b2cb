"""`lab build`, `lab driver`: build with the WDK elsewhere; sign, package and try any driver."""

from __future__ import annotations

import argparse
from pathlib import Path

from lab.cli_kd import Subcommands
from lab.progress import Progress


def add_commands(commands: Subcommands) -> None:
    """Register the commands."""
    build = commands.add_parser("build", help="build driver and programs, here or with the WDK on a Windows machine")
    build.add_argument(
        "--on", metavar="[USER@]HOST[:PORT]", help="a Windows machine that answers over SSH, with the WDK"
    )
    build.add_argument("--project", metavar="FILE", help="solution below --sources (default: the only one)")
    build.add_argument("--sources", type=Path, default=Path("driver"), metavar="FOLDER", help="what is copied there")
    build.add_argument("--configuration", default="Release", choices=("Release", "Debug"))
    build.add_argument("--key", type=Path, metavar="FILE", help="private key (default: agent and ~/.ssh)")
    build.add_argument("--known-hosts", type=Path, metavar="FILE", help="(default: ~/.ssh/known_hosts)")
    build.add_argument(
        "--out", type=Path, default=Path("driver/build/wdk"), metavar="FOLDER", help="for what comes back"
    )
    build.set_defaults(run=_build)

    driver = commands.add_parser("driver", help="sign, package or try any .sys file")
    actions = driver.add_subparsers(required=True, metavar="ACTION")
    push = actions.add_parser("push", help="put a .sys file into the running guest and load it")
    push.add_argument("file", type=Path, metavar="FILE.sys")
    push.add_argument("--service", help="name of its service (default: the file's)")
    push.set_defaults(run=_push)
    sign = actions.add_parser("sign", help="sign with the lab's test certificate, which Windows images trust")
    sign.add_argument("file", type=Path, metavar="FILE.sys")
    sign.add_argument("--out", type=Path, metavar="FILE", help="(default: in place)")
    sign.set_defaults(run=_sign)
    package = actions.add_parser("inf", help="write an INF and its signed catalog for pnputil beside a .sys file")
    package.add_argument("file", type=Path, metavar="FILE.sys")
    package.add_argument("--service", help="name of its service (default: the file's)")
    package.add_argument("--provider", default="Driver lab")
    package.set_defaults(run=_inf)


def _build(options: argparse.Namespace) -> int:
    from lab.config import find_config, load_config

    if not options.on:
        from lab.build import build

        build(load_config(options.config or find_config(Path.cwd())), Progress())
        return 0
    from lab.wdk_build import Project, build_remotely, only_solution, parse_builder

    builder = parse_builder(options.on, options.key, options.known_hosts)
    solution = options.project or only_solution(options.sources)
    project = Project(options.sources, solution, options.configuration)
    for file in build_remotely(builder, project, options.out, Progress()):
        print(file)
    return 0


def _push(options: argparse.Namespace) -> int:
    from lab.bringup import attach
    from lab.config import find_config, load_config
    from lab.driver_push import push_driver
    from lab.guest.driver_file import inspect_driver

    inspect_driver(options.file)
    lab = attach(load_config(options.config or find_config(Path.cwd())))
    pushed = push_driver(lab, options.file, options.service or options.file.stem)
    print(f"{options.file} runs as service {pushed.service} ({pushed.remote}, {pushed.signed})")
    print(f"what it prints: {lab.logs / 'kd.log'}; unload it: lab driver push of another file, or sc stop in the guest")
    return 0


def _sign(options: argparse.Namespace) -> int:
    from vm_images.windows.signing import sign_with_lab

    print(sign_with_lab(options.file, options.out or options.file))
    return 0


def _inf(options: argparse.Namespace) -> int:
    from vm_images.windows.inf import write_inf
    from vm_images.windows.signing import catalog_with_lab

    inf = write_inf(options.file, options.service or options.file.stem, options.provider)
    print(inf)
    print(catalog_with_lab([options.file, inf], options.file.with_suffix(".cat")))
    return 0
