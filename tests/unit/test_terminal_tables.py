"""Tables that commands print."""

from collections.abc import Callable

import pytest

from console.cli.output import print_table
from console.cli.shortened import Shortened
from console.cli.terminal import show_table

RULE = r"^\P{Han}*[" + "陳林黃" * 60 + r"]\P{Han}*$"


def test_a_long_rule_takes_one_line_on_a_terminal_and_is_whole_in_a_pipe(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    columns: dict[str, Callable[[str], object]] = {"pattern": Shortened, "posts": len}
    show_table(columns, [RULE, "^ann"], header=True, indent=0)
    header, long, short = capsys.readouterr().out.splitlines()
    assert header.split() == ["pattern", "posts"]
    assert long.startswith(r"^\P{Han}*[") and "…" in long
    *_, end, posts = long.split()
    assert end.endswith(r"]\P{Han}*$") and posts == str(len(RULE)) and short.split() == ["^ann", "4"]
    print_table(columns, [RULE])
    assert capsys.readouterr().out == f"pattern\tposts\n{RULE}\t{len(RULE)}\n"
