"""How the operator's editor opens a file at a line."""

from pathlib import Path

import pytest

from console.ui.editor import editor_command

FILE = Path("/patterns/a label/author_name.txt")


@pytest.mark.parametrize(
    ("editor", "expected"),
    [
        ("vim", ["vim", "+12", str(FILE)]),
        ("/usr/bin/vim.basic -u NONE", ["/usr/bin/vim.basic", "-u", "NONE", "+12", str(FILE)]),
        ("nano", ["nano", "+12", str(FILE)]),
        ("emacs -nw", ["emacs", "-nw", "+12", str(FILE)]),
        ("code --wait", ["code", "--wait", "-g", f"{FILE}:12"]),
        ("'/opt/my editor/nvim'", ["/opt/my editor/nvim", "+12", str(FILE)]),
        ("unknown", ["unknown", str(FILE)]),
    ],
)
def test_known_editors_open_the_file_at_the_line_and_others_open_the_file(editor: str, expected: list[str]) -> None:
    assert editor_command(FILE, 12, {"EDITOR": editor}) == expected


def test_visual_comes_before_editor_and_without_a_line_there_is_no_option() -> None:
    assert editor_command(FILE, None, {"VISUAL": "vim", "EDITOR": "nano"}) == ["vim", str(FILE)]


@pytest.mark.parametrize("environment", [{}, {"EDITOR": ""}, {"EDITOR": " "}, {"EDITOR": "'unclosed"}])
def test_without_an_editor_there_is_a_reason(environment: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        editor_command(FILE, 1, environment)
