"""Lines suggested by what the texts of a sample have in common that get no label."""

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from rich.text import Text

from console.figures import number, percent
from console.highlight import pattern_line, visible
from console.sanitize import sanitize
from console.ui.formatting import cell
from console.ui.pattern_book import SetKey
from console.ui.screens.base import ScreenContext
from console.ui.screens.dialogs import Choose
from console.ui.screens.suggestions import Suggested, SuggestionsScreen
from console.ui.widgets.live_table import Cells
from jobs.model.task_request import TaskRequest
from jobs.model.wording import counted
from jobs.services import suggest_from_sample
from patterns.frequent import FrequentSequence
from patterns.pattern_set import Pattern


class SampleSuggestionsScreen(SuggestionsScreen):
    """Sequences of characters that many texts without a label share. The operator says which label they mean."""

    WIDEST = "examples"
    COLUMNS: ClassVar[dict[str, int]] = {"pattern": 14, "match": 9, "texts": 6, "%": 17, "examples": 12}

    def __init__(
        self,
        context: ScreenContext,
        key: SetKey,
        labels: Sequence[str],
        request: Callable[[], Awaitable[TaskRequest | None]],
    ) -> None:
        """`request` returns the range to draw from, or None if there is none."""
        super().__init__(context, key)
        self._labels = labels
        self._request = request
        self._found: list[FrequentSequence] = []

    async def find(self) -> Suggested:
        """See SuggestionsScreen."""
        self._show_progress(0.0)
        request = await self._request()
        if request is None:
            return Suggested(Text("no range to draw a sample from yet: create a task first", "waiting"))
        self._found = await suggest_from_sample(self.deployment, request, on_progress=self._show_progress)
        if not self._found:
            return Suggested(Text("The texts of the sample that get no label have nothing in common.", "waiting"))
        text = "What texts of the sample share that get no label, each text counted once. Which label they should get"
        return Suggested(
            Text(f"{text} is for you to say: a asks for it."), [(_cells(one), _about(one)) for one in self._found]
        )

    def _show_progress(self, done: float) -> None:
        self.say(Text(f"drawing a sample, {done:.0%} ...  Escape stops it", "running"))

    async def choose_line(self, row: int) -> tuple[str, Pattern] | None:
        """See SuggestionsScreen."""
        pattern = self._found[row].pattern
        names = [f"/{label}" for label in self._labels]
        chosen = await self.ask(Choose(f"Add this line to the file of which label?\n\n{pattern_line(pattern)}", names))
        return (self._labels[names.index(chosen)], pattern) if chosen is not None else None


def _about(one: FrequentSequence) -> Text:
    return Text(f"in {counted(one.texts, 'text')}, such as {sanitize(', '.join(one.examples))}")


def _cells(one: FrequentSequence) -> Cells:
    return (
        cell(visible(one.pattern.text)),
        cell(one.pattern.match_type, "muted"),
        cell(number(one.texts), right=True),
        cell(percent(one.share), right=True),
        cell(", ".join(one.examples), "muted"),
    )
