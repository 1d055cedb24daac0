"""Takes pictures of the console's screens, as SVG files: those of the documentation, or others."""

import argparse
import asyncio
import os
import tempfile
from pathlib import Path

from console.ui.app import AudienceApp
from jobs.deployment import Deployment
from tests.helpers.screens import shown, table, wait_until
from tests.pictures.deployment import pictured_deployment

_DOCUMENTED = ("tasks", "task", "samples", "workers", "schedules")
_DONE = ("slash", *"done", "enter")
_DOWN = ("down", "down")  # to nightly
# The keys that lead to each screen from the task table, whose first task runs.
_SCREENS: dict[str, tuple[str, ...]] = {
    "tasks": (),
    "task": (*_DONE, "enter", "1"),
    "task-windows": ("enter", "2"),
    "task-pace": ("enter", "3"),
    "task-patterns": (*_DONE, "enter", "4"),
    "task-facts": ("enter", "5"),
    "task-events": ("slash", *"failed", "enter", "enter", "6"),
    "new": ("n",),
    "samples": (*_DONE, "s"),
    "workers": ("w",),
    "schedules": ("c", *_DOWN),
    "schedule-form": ("c", *_DOWN, "e"),
    "export": (*_DONE, "x"),
    "patterns": ("p", "tab"),
    "messages": ("y", "m"),
    "help": ("question_mark",),
}
_SETTLES_SECONDS = {"tasks": 12.0, "task-pace": 15.0, "workers": 20.0}


def main() -> None:
    """Write an SVG file for each screen."""
    parser = argparse.ArgumentParser(prog="python -m tests.pictures")
    parser.add_argument("--folder", type=Path, default=Path("docs"), help="where they are written [docs]")
    parser.add_argument("--size", action="append", help="columns x lines; may be repeated [120x40]")
    parser.add_argument("--theme", action="append", help="may be repeated [audience-dark]")
    parser.add_argument(
        "--only", action="append", choices=_SCREENS, help="may be repeated [those of the documentation]"
    )
    parser.add_argument("--all", action="store_true", help="every screen")
    parser.add_argument("--data", type=Path, help="keeps the servers' data here for the next time")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["XDG_CONFIG_HOME"], os.environ["COLORTERM"] = temporary, "truecolor"
        asyncio.run(_take_all(arguments, arguments.data or Path(temporary, "data")))


async def _take_all(arguments: argparse.Namespace, data: Path) -> None:
    sizes, themes = arguments.size or ["120x40"], arguments.theme or ["audience-dark"]
    names = _SCREENS if arguments.all else arguments.only or _DOCUMENTED
    async with pictured_deployment(data) as deployment:
        for theme in themes:
            for size in sizes:
                for name in names:
                    suffix = "" if (len(sizes), len(themes)) == (1, 1) else f"-{size}-{theme}"
                    await _take(deployment, name, size, theme, arguments.folder / f"{name}{suffix}.svg")


async def _take(deployment: Deployment, name: str, size: str, theme: str, path: Path) -> None:
    columns, lines = map(int, size.split("x"))
    app = AudienceApp(deployment)
    async with app.run_test(size=(columns, lines)) as pilot:
        app.theme = theme
        await wait_until(pilot, lambda: table(pilot).row_count > 10 and "◌ asking" not in shown(pilot))
        await pilot.pause(_SETTLES_SECONDS.get(name, 2))
        for key in _SCREENS[name]:
            await pilot.press(key)
            await pilot.pause(0.05)
        await pilot.pause(2)
        picture = app.export_screenshot(title="audience")
    await asyncio.to_thread(path.write_text, picture, encoding="utf-8")
    print(path)


main()
