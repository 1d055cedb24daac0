"""Pattern files and the sources file with hostile content: a clear error, and nothing run."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.errors import UnreadablePatterns
from jobs.model.sources import MAX_RESULTS, read_sources
from jobs.services import tasks as services
from patterns.files import MAX_LINE_CHARACTERS, PatternFileError, label_names, read_pattern_set
from patterns.matcher import PatternsTooLarge, build_matcher
from patterns.pattern_set import Label, ModelType, Pattern, PatternSet
from tests.helpers.deployment import TestSite

LONG = 10_000_000


def by_message(value: object) -> str:
    """The id of a parameter: not the hostile value, which may be of any length."""
    return value if isinstance(value, str) and value.isprintable() and len(value) < 100 else "-"


def write(folder: Path, content: bytes, label: str = "female", model: ModelType = "keyword_model") -> Path:
    path = folder / model / label / "author_name.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def refused(folder: Path, model: ModelType = "keyword_model") -> str:
    """Why the pattern files cannot be used. Never at length, whatever they hold."""
    with pytest.raises(PatternFileError) as caught:
        read_pattern_set(folder, model, "author_name")
    assert len(str(caught.value)) < 1_000
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x\tend\n" + b"x" * LONG + b"\tend\n", "line 2: 10,000,004 characters; a pattern has at most"),
        (b"x" * LONG, "line 1: 10,000,000 characters"),
        (b"x\t" + b"y" * 9_000, "line 1: unknown match type 'yyy"),
        ("雅\tend\n".encode("utf-16"), "line 1: not UTF-8 (byte 0xff)"),
        ("雅\tend\n".encode("utf-16-be"), "line 1: not UTF-8 (byte 0x96)"),
        (b"x\tend\n\xc3(\tend\n", "line 2: not UTF-8 (byte 0xc3)"),
        (b"\xed\xa0\x80\tend\n", "line 1: not UTF-8"),
        (b"\0" * 9_000, "line 1: no tab"),
        (b"\n" * LONG, "10,000,000 lines; a keyword_model has at most 4,000,000"),
        (b"\n" * 2_000_000, "line 1: the line is empty; remove it (and 1000 more)"),
        (b"\n" * (65 * 2**20), "larger than 67,108,864 bytes"),
    ],
    ids=by_message,
)
def test_a_keyword_file_that_is_none_is_refused_with_its_line(tmp_path: Path, content: bytes, message: str) -> None:
    write(tmp_path, content)
    assert message in refused(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"((a{1000}){1000})\n", "invalid repetition size: {1000}"),
        (b"((a{100}){100}){100}\n", "invalid repetition size: {100}"),
        (b"(" * 9_000 + b")" * 9_000, "characters; a pattern has at most"),
        (b"a" * 9_000 + b"(", "missing )"),
        (rb"(a)\1", "invalid escape sequence"),
        (b"(?<!x)y", "invalid perl operator"),
        (b"a\n" * 200_000, "200,000 lines; a rule_model has at most 100,000"),
    ],
    ids=by_message,
)
def test_a_rule_that_re2_does_not_take_is_refused_with_its_line(tmp_path: Path, content: bytes, message: str) -> None:
    write(tmp_path, content, model="rule_model")
    assert message in refused(tmp_path, "rule_model")


def test_an_empty_file_is_a_label_without_patterns(tmp_path: Path) -> None:
    write(tmp_path, b"")
    found = read_pattern_set(tmp_path, "keyword_model", "author_name")
    assert [(label.name, label.patterns) for label in found.labels] == [("female", ())]
    assert build_matcher(found).match("x") is None


@pytest.mark.parametrize("rule", ["(a+)+$", "(a|b)+x", "(a|aa)+$", "(.*)*x", "^(a?){50}a{50}$", "(x+x+)+y"])
def test_a_regex_takes_time_linear_in_the_text(rule: str) -> None:
    matcher = build_matcher(rules([rule]))
    started = time.perf_counter()
    assert matcher.match("a" * 1_000_000 + "!") is None
    assert time.perf_counter() - started < 2


def rules(texts: list[str]) -> PatternSet:
    return PatternSet("rule_model", "content", (Label("a", tuple(Pattern(text, "regex") for text in texts)),))


def test_rules_that_are_too_large_together_are_refused_where_to_search_each_would_take_for_ever() -> None:
    with pytest.raises(PatternsTooLarge, match="the 1,100 rules together are too large"):
        build_matcher(rules([rf"(\pL{{20}}|\pN{{20}}){{20}}x{number}" for number in range(1_100)]))


def test_a_keyword_as_long_as_may_be_is_built_matched_and_freed(tmp_path: Path) -> None:
    keyword = "雅" * MAX_LINE_CHARACTERS
    write(tmp_path, f"{keyword[:-4]}\tend\n".encode())
    matcher = build_matcher(read_pattern_set(tmp_path, "keyword_model", "author_name"))
    assert matcher.match(keyword) is not None
    del matcher


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path, outside: path.symlink_to(outside / "secret.txt"), "is a link that leads out of"),
        (lambda path, outside: path.symlink_to("/etc/passwd"), "is a link that leads out of"),
        (lambda path, outside: path.symlink_to("/dev/zero"), "is a link that leads out of"),
        (lambda path, outside: path.symlink_to(path), "cannot be read: Too many levels of symbolic links"),
        (lambda path, outside: path.symlink_to(path.with_name("nothing")), "cannot be read: No such file"),
        (lambda path, outside: os.mkfifo(path), "is no regular file, but a pipe"),
        (lambda path, outside: path.mkdir(), "cannot be read: Is a directory"),
    ],
)
def test_what_is_no_file_of_the_folder_is_refused_and_not_waited_for(
    tmp_path: Path, make: Callable[[Path, Path], None], message: str
) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "patterns"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret\tend\n")
    write(inside, b"x\tend\n", "a")
    path = write(inside, b"", "b")
    path.unlink()
    make(path, outside)
    said = refused(inside)
    assert message in said and str(path) in said and "secret\\t" not in said


@pytest.mark.parametrize(
    ("target", "message"),
    [("../../outside", "leads out of"), ("nowhere", "leads nowhere"), ("b", "leads nowhere")],
)
def test_a_label_that_is_a_link_out_or_to_nowhere_is_refused(tmp_path: Path, target: str, message: str) -> None:
    (tmp_path / "outside").mkdir()
    write(tmp_path / "patterns", b"x\tend\n", "a")
    (tmp_path / "patterns" / "keyword_model" / "b").symlink_to(target)
    assert message in refused(tmp_path / "patterns")


def test_links_within_the_folder_and_to_the_folder_are_followed(tmp_path: Path) -> None:
    path = write(tmp_path / "patterns", b"x\tend\n", "a")
    (tmp_path / "patterns" / "keyword_model" / "b").symlink_to("a")
    path.with_name("title.txt").symlink_to("author_name.txt")
    (tmp_path / "link").symlink_to("patterns")
    found = read_pattern_set(tmp_path / "link", "keyword_model", "title")
    assert [label.name for label in found.labels] == ["a", "b"]


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31m", "a\u202eb", "x" * 101, "\udcff", "a\u2028"])
def test_a_label_with_a_hostile_name_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, b"x\tend\n", name)
    assert "a label has at most 100 characters, all of them printable" in refused(tmp_path)


@pytest.mark.parametrize("name", ["∕etc∕passwd", "...", "雅婷 ", "`;--%s", "[red]", "=cmd()"])
def test_a_label_with_an_awkward_name_is_a_label(tmp_path: Path, name: str) -> None:
    write(tmp_path, b"x\tend\n", name)
    if name[0] == ".":
        assert "no labels here" in refused(tmp_path)
    else:
        assert label_names(tmp_path, "keyword_model") == [name]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("order = " + "[" * 100_000, "nested too deeply"),
        ("order = " + "9" * 5_000, "labels.toml: "),
        ('order = ["' + "x" * 1_000_000 + '"]', "is no label here; there are: a"),
        ("order = 2020-13-45", "labels.toml: "),
        ('order = ["../a"]', "'../a' is no label here"),
        ('order = ["\\u0000"]', "'\\x00' is no label here"),
        ('order = ["\\ud800"]', "labels.toml: "),
        ("[order]\n" * 2, "labels.toml: "),
    ],
    ids=by_message,
)
def test_a_hostile_labels_toml_is_refused(tmp_path: Path, content: str, message: str) -> None:
    write(tmp_path, b"x\tend\n", "a")
    (tmp_path / "keyword_model" / "labels.toml").write_text(content)
    assert message in refused(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[results]\na = " + "[" * 100_000, "nested too deeply"),
        ("[results]\na = " + "9" * 5_000, "integer"),
        ("[results]\na = []\na = []", "Cannot overwrite a value"),
        ("[results]\n[results]", "line 2"),
        ('[results]\n"a\\n\\u001b" = ["X"]', r"'a\n\x1b' is no identifier"),
        ('[results]\n"' + "x" * 1_000_000 + '" = ["X"]', "is no identifier"),
        ('"' + "x" * 1_000_000 + '" = 1', "unknown entry 'xxx"),
        ('[results]\na = ["Y"]\nb = ["Y", "' + "x" * 1_000_000 + '"]\n', "line 3: source 'Y' is in 'a' already"),
        ("[results]\n" + "".join(f"r{number} = []\n" for number in range(MAX_RESULTS + 1)), "line 1: 1,001 results"),
        ("\0", "sources.toml"),
    ],
    ids=by_message,
)
def test_a_hostile_sources_file_is_refused_in_few_words(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "sources.toml"
    path.write_text(content)
    with pytest.raises(UnreadablePatterns) as caught:
        read_sources(path)
    assert message in str(caught.value) and len(str(caught.value)) < 1_000


def test_a_sources_file_that_is_a_pipe_or_a_device_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), Path("a\0b"), tmp_path):
        with pytest.raises(UnreadablePatterns, match="SOURCES_FILE"):
            read_sources(path)


def test_a_sources_file_of_very_many_sources_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sources.toml"
    path.write_text("[results]\na = [" + ",".join(f'"WH_{number}"' for number in range(200_000)) + "]\n")
    assert len(read_sources(path).results) == 200_000


async def test_501_a_link_out_of_the_pattern_folder_and_nothing_is_written(site: TestSite) -> None:
    path = write(site.settings.patterns_dir, b"")
    path.unlink()
    path.symlink_to("/etc/passwd")
    with pytest.raises(UnreadablePatterns, match="leads out of") as caught:
        await services.create_task(site, site.request())
    assert caught.value.code == 501 and "root:" not in str(caught.value)
    assert site.rows("SELECT 1 FROM information_schema.schemata WHERE schema_name = %s", site.output_schema) == []
