"""The hashes of pattern files as they are now."""

import os
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest

from jobs import services
from jobs.services import stale
from patterns.files import read_pattern_set
from tests.helpers.pattern_files import write_pattern_file

KIND = ("keyword_model", "author_name")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_pattern_file(tmp_path, "ann\tstart\n")
    write_pattern_file(tmp_path, "sun\texactly\n", label="male")
    return tmp_path


def test_the_hash_is_the_one_that_a_task_created_now_would_get(folder: Path) -> None:
    write_pattern_file(folder, "^a\n", model="rule_model")
    assert services.current_hashes(folder) == {
        KIND: read_pattern_set(folder, "keyword_model", "author_name").hash,
        ("rule_model", "author_name"): read_pattern_set(folder, "rule_model", "author_name").hash,
    }
    assert services.current_hashes(folder, [("rule_model", "title")]) == {}


def append(folder: Path) -> None:
    write_pattern_file(folder, "ann\tstart\nbob\tend\n")


def same_size(folder: Path) -> None:
    write_pattern_file(folder, "amy\tstart\n")


def new_label(folder: Path) -> None:
    write_pattern_file(folder, "x\tend\n", label="other")


def rename_label(folder: Path) -> None:
    (folder / "keyword_model" / "male").rename(folder / "keyword_model" / "man")


def remove_file(folder: Path) -> None:
    (folder / "keyword_model" / "male" / "author_name.txt").unlink()


def reorder(folder: Path) -> None:
    (folder / "keyword_model" / "labels.toml").write_text('order = ["male"]\n')


def replace(folder: Path) -> None:
    new = folder / "new"
    new.write_text("amy\tstart\n")
    path = folder / "keyword_model" / "female" / "author_name.txt"
    os.utime(new, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    new.replace(path)


@pytest.mark.parametrize("change", [append, same_size, new_label, rename_label, remove_file, reorder, replace])
def test_every_change_of_the_files_is_seen_at_once(folder: Path, change: Callable[[Path], None]) -> None:
    before = services.current_hashes(folder)[KIND]
    change(folder)
    after = services.current_hashes(folder)[KIND]
    assert before != after == read_pattern_set(folder, "keyword_model", "author_name").hash


def test_files_are_read_once_until_they_change(folder: Path) -> None:
    services.current_hashes(folder)
    with patch.object(stale, "read_pattern_set", wraps=read_pattern_set) as read:
        for _ in range(3):
            services.current_hashes(folder)
        assert read.call_count == 0
        append(folder)
        services.current_hashes(folder)
        services.current_hashes(folder)
        assert read.call_count == 1


def test_files_with_faults_have_no_hash_until_they_are_corrected(folder: Path) -> None:
    before = services.current_hashes(folder)
    path = write_pattern_file(folder, "no tab\n")
    assert services.current_hashes(folder) == {}
    (folder / "keyword_model" / "labels.toml").write_text("order = 1\n")
    assert services.current_hashes(folder) == {}
    (folder / "keyword_model" / "labels.toml").unlink()
    path.write_text("ann\tstart\n")
    assert services.current_hashes(folder) == before
    assert services.current_hashes(folder / "nowhere") == {}
