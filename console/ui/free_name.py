"""Names for new files."""

from itertools import count
from pathlib import Path

_HERE = Path()


def free_name(stem: str, suffix: str, folder: Path = _HERE) -> str:
    """Return the first of stem.suffix, stem-2.suffix, ... that no file in the folder has."""
    names = (f"{stem}{'' if place == 1 else f'-{place}'}.{suffix}" for place in count(1))
    return next(name for name in names if not (folder / name).exists())
