"""`audience`, which is also `python -m console`: what lets every command start and end quickly."""

import gc
import os
import sys
import threading
from contextlib import suppress
from typing import NoReturn


def main() -> None:
    """Run the `audience` command."""
    # Imports make 100,000 objects and hardly any garbage. Looking for it takes a sixth of the time that they take.
    gc.set_threshold(200_000, 20, 20)
    # No plugins of Pydantic are used, and it would look for some in all packages that are installed.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")

    from console.cli.main import main as run

    try:
        run()
    except SystemExit as end:
        if isinstance(end.code, int):
            _end(end.code)
        raise


def _end(status: int) -> NoReturn:
    """End this process, whose standard output is flushed. Python would free all objects before, one by one."""
    if threading.active_count() > 1:  # Python would wait for it
        sys.exit(status)
    with suppress(Exception):  # it may be closed
        sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
