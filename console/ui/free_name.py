"""Names for new files."""

from itertools import count
from pathlib import Path


def free_name(stem: str, suffix: str) -> str:
    """Return the first of stem.suffix, stem-2.suffix, ... that no file in this folder has."""
    names = (f"{stem}{'' if place == 1 else f'-{place}'}.{suffix}" for place in count(1))
    return next(name for name in names if not Path(name).exists())
