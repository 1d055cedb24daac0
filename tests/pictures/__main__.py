"""Takes pictures of the console's screens, as SVG files: those of the documentation, or others."""

import argparse
import asyncio
import os
import re
import shutil
import tempfile
from html import unescape
from pathlib import Path

from pydantic import SecretStr
from rich.cells import cell_len

from console.ui.app import AudienceApp
from console.ui.screens.base import ScreenContext
from jobs.deployment import Deployment
from tests.helpers.fixed_app import FixedApp
from tests.helpers.screens import shown, table, wait_until
from tests.pictures.deployment import pictured_deployment
from tests.pictures.screens import DOCUMENTED, PICTURES, Picture

_NO_COLOUR = "no-colour"
_NOBODY_LISTENS = 1
"""A port."""
_TEXT = re.compile(r'(<text [^>]*textLength=")([0-9.]+)("[^>]*>)([^<]*)</text>')


def main() -> None:
    """Write an SVG file for each screen."""
    parser = argparse.ArgumentParser(prog="python -m tests.pictures")
    parser.add_argument("--folder", type=Path, default=Path("docs"), help="where they are written [docs]")
    parser.add_argument("--size", action="append", help="columns x lines; may be repeated [120x40]")
    parser.add_argument(
        "--theme", action="append", help=f"or {_NO_COLOUR}; ansi-dark has 16 colours; may be repeated [audience-dark]"
    )
    parser.add_argument(
        "--only", action="append", choices=PICTURES, help="may be repeated [those of the documentation]"
    )
    parser.add_argument("--all", action="store_true", help="every screen")
    parser.add_argument("--data", type=Path, help="keeps the servers' data here for the next time")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["XDG_CONFIG_HOME"], os.environ["COLORTERM"] = temporary, "truecolor"
        asyncio.run(_take_all(arguments, Path(temporary), arguments.data or Path(temporary, "data")))


async def _take_all(arguments: argparse.Namespace, temporary: Path, data: Path) -> None:
    sizes, themes = arguments.size or ["120x40"], arguments.theme or ["audience-dark"]
    names = PICTURES if arguments.all else arguments.only or DOCUMENTED
    async with pictured_deployment(data) as pictured:
        variants = _variants(pictured.deployment, temporary)
        for theme in themes:
            for size in sizes:
                for name in names:
                    suffix = "" if (len(sizes), len(themes)) == (1, 1) else f"-{size}-{theme}"
                    path = arguments.folder / f"{name}{suffix}.svg"
                    await pictured.keep_running()
                    await _take(variants[PICTURES[name].over], PICTURES[name], size, theme, path)


def _variants(deployment: Deployment, temporary: Path) -> dict[str, Deployment]:
    settings = deployment.settings
    faulty = temporary / "patterns"
    shutil.copytree(settings.patterns_dir, faulty)
    (faulty / "keyword_model/female/title.txt").write_text("雅婷\tpartially\nann\tbegins\n\tend\n", encoding="utf-8")
    away = {"input_port": _NOBODY_LISTENS, "redis_url": SecretStr(f"redis://127.0.0.1:{_NOBODY_LISTENS}/0")}
    return {
        "": deployment,
        "no-tasks": deployment,
        "empty": Deployment(settings.model_copy(update={"deployment": "empty"})),
        "away": Deployment(settings.model_copy(update=away)),
        "read-only": Deployment(settings, read_only=True),
        "faulty": Deployment(settings.model_copy(update={"patterns_dir": faulty})),
    }


async def _take(deployment: Deployment, picture: Picture, size: str, theme: str, path: Path) -> None:
    columns, lines = map(int, size.split("x"))
    os.environ.pop("NO_COLOR", None)
    if theme == _NO_COLOUR:
        os.environ["NO_COLOR"] = "1"
    app = AudienceApp(deployment, picture.leaving)
    if picture.over == "no-tasks":
        app = FixedApp(())
        app.context = ScreenContext(deployment)
    async with app.run_test(size=(columns, lines)) as pilot:
        if theme != _NO_COLOUR:
            app.theme = theme
        tasks = 0 if picture.over == "no-tasks" else 10
        await wait_until(pilot, lambda: table(pilot).row_count >= tasks and "◌ asking" not in shown(pilot))
        await pilot.pause(picture.settles)
        for key in picture.keys:
            if isinstance(key, str):
                await pilot.press(key)
            await pilot.pause(0.05 if isinstance(key, str) else key)
        await pilot.pause(2)
        drawn = app.export_screenshot(title="audience")
    await asyncio.to_thread(path.write_text, _TEXT.sub(_in_its_cells, drawn), encoding="utf-8")
    print(path)


def _in_its_cells(match: re.Match[str]) -> str:
    """Return a text of a picture as long as its cells are wide: Rich counts Han characters as one cell."""
    before, length, between, text = match.groups()
    shown = unescape(text)
    cells = float(length) / max(len(shown), 1) * cell_len(shown)
    return f"{before}{cells:.1f}{between}{text}</text>"


main()
