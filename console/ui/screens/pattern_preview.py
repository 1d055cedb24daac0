"""What a screen about pattern files learns from the input: what they would do to a random sample of a range."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta

from rich.text import Text
from textual import work

from console.ui import pattern_words
from console.ui.pattern_book import SetKey, read_state
from console.ui.pattern_columns import PatternRow
from console.ui.screens.base import ScreenContext
from console.ui.screens.label_matrix import Matrix
from console.ui.screens.pattern_figures import PatternFiguresScreen
from console.ui.screens.sample_suggestions import SampleSuggestionsScreen
from jobs.model.task_request import TaskRequest
from jobs.model.wording import counted
from jobs.services import overview
from jobs.services.patterns import PatternFile
from jobs.services.preview import Preview, preview_task
from patterns.edits import Fingerprint
from patterns.hits import PatternHits
from patterns.pattern_set import Pattern

_ROWS = 20_000
# Cells fill in this often while the sample grows.
_SHOW_SECONDS = 0.4
_GROUP = "preview"
_OF_THE_RANGE = ("start_time", "end_time", "target_schema", "target_table")


@dataclass(frozen=True)
class Previewed:
    """A preview, whole or as far as it has come."""

    found: Preview
    hits: Mapping[tuple[str, int], PatternHits]
    """By label and line."""
    files: Fingerprint
    """The files of the set when the preview began."""

    def of(self, label: str, line: int, pattern: Pattern) -> PatternHits | None:
        """Return the hits of a line, unless the file has another pattern there by now."""
        found = self.hits.get((label, line))
        return found if found is not None and found.pattern == pattern else None


class PatternPreviewScreen(PatternFiguresScreen):
    """A screen that previews the chosen pattern set, and shows `previews`."""

    def __init__(self, context: ScreenContext) -> None:
        super().__init__(context)
        self.previews: dict[SetKey, Previewed] = {}

    def files_changed(self, *, here: bool) -> None:
        """Preview again if the operator has edited files that were previewed."""
        super().files_changed(here=here)
        if here and self.chosen_set in self.previews:
            self._preview(self.chosen_set)

    def suggestion_added(self, key: SetKey) -> None:
        """Show what the new line does."""
        super().suggestion_added(key)
        self._preview(key)

    def action_preview(self) -> None:
        """Draw a random sample, or another one."""
        if self.chosen_set is None:
            self.refuse("choose a file")
        else:
            self._preview(self.chosen_set)

    def action_suggest_from_sample(self) -> None:
        """Show what texts of a random sample have in common that get no label."""
        key, book = self.chosen_set, self.book
        if key is None or book is None:
            self.refuse("choose a file")
            return
        labels = dict.fromkeys(file.label for file in book.files if file.model_type == key[0])
        self.open_suggestions(SampleSuggestionsScreen(self.context, key, list(labels), lambda: self._request(key)))

    @work(group=_GROUP, exclusive=True, exit_on_error=False)
    async def _preview(self, key: SetKey) -> None:
        with self.working_on(_GROUP, "previewing ..."):
            request = await self._request(key)
            if request is None:
                self.refuse("no range to preview yet: create a task first")
                return
            # As they are on disk: after a line was added, the book may not have been read again.
            files = await asyncio.to_thread(read_state, self.deployment.settings.patterns_dir, key)
            shown = 0.0
            async with aclosing(preview_task(self.deployment, request, _ROWS)) as previews:
                async for found in previews:
                    if found.done < 1 and time.monotonic() - shown < _SHOW_SECONDS:
                        continue
                    hits = {(one.label, one.line): one for one in found.patterns}
                    self.previews[key] = Previewed(found, hits, files)
                    await self.explainer_of(key)  # highlights the examples
                    self.working[_GROUP] = f"previewing, {found.done:.0%} ..."
                    self.show_figures()
                    shown = time.monotonic()

    async def _request(self, key: SetKey) -> TaskRequest | None:
        """Return a task of the pattern set over the range of the newest task, or else over the whole input table."""
        settings = self.deployment.settings
        values: dict[str, object] = {"model_type": key[0], "predict_type": key[1]}
        tasks = self.snapshot.board.tasks if self.snapshot.board else ()
        newest = next((task for task in tasks if not task.legacy), None)
        if newest is not None:
            of_task = TaskRequest.from_task(newest)
            values |= {name: of_task[name] for name in _OF_THE_RANGE if name in of_task}
        else:
            schema, table = settings.input_schema, settings.input_table
            edges = await overview.read_input_range(self.deployment, schema, table) if schema and table else None
            if edges is None:
                return None
            first, last = edges
            values |= {"start_time": first, "end_time": max(last, first + timedelta(seconds=1))}
        return TaskRequest.from_values(settings, values)

    def matrices(self, key: SetKey) -> list[Matrix]:
        """Return what is known about labels against labels."""
        previewed = self.previews.get(key)
        conflicts = [_conflicts(previewed.found)] if previewed else []
        return conflicts + super().matrices(key)

    def figure_lines(self, key: SetKey) -> list[Text]:
        """Return what is known about a pattern set, a line each."""
        previewed = self.previews.get(key)
        sample = (
            [pattern_words.preview_line(previewed.found, old=self.is_old(previewed.files, key))] if previewed else []
        )
        return super().figure_lines(key) + sample

    def row_lines(self, row: PatternRow, file: PatternFile) -> list[Text]:
        """Return what is known about a line of a file, with examples of what it hits."""
        key = file.model_type, file.predict_type
        previewed = self.previews.get(key)
        if previewed is None:
            hint = [] if key in self.judgements else [Text("v shows what it hits in a random sample of posts", "muted")]
            return hint + super().row_lines(row, file)
        return pattern_words.sample_lines(
            row, previewed.found, self.known_explainer(key), file.label
        ) + super().row_lines(row, file)


def _conflicts(found: Preview) -> Matrix:
    labels = list(found.panels)
    return Matrix(
        title=f"Texts that several labels hit ─ {counted(found.rows, 'post')} sampled",
        about="a row is the label that decides, a column another one that hits the same text",
        rows=labels,
        columns=labels,
        counts={(f"/{decides}", f"/{other}"): count for (decides, other), count in found.conflicts.items()},
    )
