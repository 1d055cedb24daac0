"""What a screen about pattern files learns about them: how well they do on texts whose label is known."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.text import Text
from textual import work

from console.sanitize import sanitize
from console.ui import pattern_words
from console.ui.judgement import Judgement, judge, label_name
from console.ui.pattern_book import SetKey, state_of
from console.ui.pattern_columns import PatternRow
from console.ui.preferences import read_preferences, write_preferences
from console.ui.screens.base import ScreenContext
from console.ui.screens.dialogs import Ask
from console.ui.screens.label_matrix import LabelMatrixScreen, Matrix
from console.ui.screens.pattern_files import PatternFilesScreen
from console.ui.screens.suggestions import GoldSuggestionsScreen, SuggestionsScreen
from jobs.services.patterns import PatternFile
from jobs.settings import Settings
from patterns.edits import Fingerprint
from patterns.evaluation import NONE
from patterns.pattern_set import PredictType

_EVALUATE = "evaluate"


class PatternFiguresScreen(PatternFilesScreen):
    """A screen that asks services about the chosen pattern set, and shows `judgements`."""

    def __init__(self, context: ScreenContext) -> None:
        super().__init__(context)
        self.judgements: dict[SetKey, Judgement] = {}
        self.working: dict[str, str] = {}
        """What is being worked on, by the group of its Textual worker."""
        self._turns: dict[str, object] = {}
        self._suggestions: SuggestionsScreen | None = None

    @property
    def chosen_set(self) -> SetKey | None:
        """The pattern set that the actions apply to."""
        raise NotImplementedError

    def show_figures(self) -> None:
        """Show `judgements`, and what is being worked on."""
        raise NotImplementedError

    def go_to(self, key: str, line: int) -> None:
        """Show a line of a file."""
        raise NotImplementedError

    def files_changed(self, *, here: bool) -> None:
        """Evaluate again if the operator has edited files that were evaluated."""
        key = self.chosen_set
        if here and key is not None and key in self.judgements:
            self._evaluate(key, self.judgements[key].gold_file)

    def is_old(self, files: Fingerprint, key: SetKey) -> bool:
        """Return whether the files of a set have changed since."""
        return self.book is not None and files != state_of(self.book.fingerprint, self.book.directory, key)

    def stop(self) -> bool:
        """Stop what is being worked on. Return whether there was anything."""
        if not self.working:
            return False
        for group in self.working:
            self.workers.cancel_group(self, group)
        return True

    @contextmanager
    def working_on(self, group: str, what: str) -> Iterator[None]:
        """Show what is being worked on during the block."""
        turn = self._turns[group] = object()
        self.working[group] = what
        self.show_figures()
        try:
            yield
        finally:
            if self._turns[group] is turn:  # a worker that has taken its place goes on
                self.working.pop(group, None)
            self.show_figures()

    def action_evaluate(self) -> None:
        """Evaluate by the gold file that was used last."""
        key = self.chosen_set
        if key is None:
            self.refuse("choose a file")
            return
        gold_file = self._gold_file(key[1])
        if gold_file is None:
            self._ask_for_gold_file(key)
        else:
            self._evaluate(key, gold_file)

    def action_gold_file(self) -> None:
        """Ask for a gold file, then evaluate by it."""
        if self.chosen_set is not None:
            self._ask_for_gold_file(self.chosen_set)

    def _gold_file(self, predict_type: PredictType) -> Path | None:
        """Return the gold file that was used last, or else the one that comes with the patterns."""
        remembered = read_preferences().gold_files.get(predict_type)
        if remembered:
            return Path(remembered)
        shipped: Path = Settings.model_fields["patterns_dir"].default
        folders = (self.deployment.settings.patterns_dir, shipped)
        files = (folder / "gold" / f"{predict_type}.csv" for folder in folders)
        return next((file for file in files if file.is_file()), None)

    @work(group="dialog", exit_on_error=False)
    async def _ask_for_gold_file(self, key: SetKey) -> None:
        known = self._gold_file(key[1])
        question = f"Gold file for {key[1]}: a CSV with the columns text and label"
        answer = await self.ask(Ask(question, str(known or "")))
        if answer:
            self._evaluate(key, _absolute(answer), remember=True)

    @work(group=_EVALUATE, exclusive=True, exit_on_error=False)
    async def _evaluate(self, key: SetKey, gold_file: Path, *, remember: bool = False) -> None:
        with self.working_on(_EVALUATE, f"evaluating by {gold_file.name} ..."):
            directory = self.deployment.settings.patterns_dir
            self.judgements[key] = await judge(directory, gold_file, key)
            if remember:
                write_preferences(gold_files=read_preferences().gold_files | {key[1]: str(gold_file)})

    def action_suggest(self) -> None:
        """Show lines that could be added."""
        key = self.chosen_set
        gold_file = self._gold_file(key[1]) if key else None
        if key is None:
            self.refuse("choose a file")
        elif gold_file is None:
            self.refuse("no gold file to learn from: u names one; f looks for suggestions in a sample")
        else:
            self.open_suggestions(GoldSuggestionsScreen(self.context, key, gold_file))

    def open_suggestions(self, screen: SuggestionsScreen) -> None:
        """Show suggestions, and follow one that is added."""
        self._suggestions = screen
        self.app.push_screen(screen)

    def on_screen_resume(self) -> None:
        """Follow a suggestion that was added."""
        added = self._suggestions.added if self._suggestions else None
        if self._suggestions and added:
            (model_type, predict_type), (label, line) = self._suggestions.key, added
            self.go_to(f"{model_type}/{label}/{predict_type}", line)
            self.read_files()
            self.suggestion_added(self._suggestions.key)
        self._suggestions = None

    def suggestion_added(self, key: SetKey) -> None:
        """Show what the new line does."""
        if key in self.judgements:
            self._evaluate(key, self.judgements[key].gold_file)

    def action_matrix(self) -> None:
        """Show labels against labels."""
        matrices = self.matrices(self.chosen_set) if self.chosen_set else []
        if matrices:
            self.app.push_screen(LabelMatrixScreen(self.context, matrices))
        else:
            self.refuse("nothing to compare yet: l evaluates")

    def matrices(self, key: SetKey) -> list[Matrix]:
        """Return what is known about labels against labels."""
        judgement = self.judgements.get(key)
        return [_confusion(judgement)] if judgement else []

    def figure_lines(self, key: SetKey) -> list[Text]:
        """Return what is known about a pattern set, a line each."""
        judgement = self.judgements.get(key)
        return [pattern_words.evaluation_line(judgement, old=self.is_old(judgement.files, key))] if judgement else []

    def row_lines(self, row: PatternRow, file: PatternFile) -> list[Text]:
        """Return what is known about a line of a file."""
        judgement = self.judgements.get((file.model_type, file.predict_type))
        return pattern_words.gold_lines(row, judgement) if judgement else []

    def working_lines(self) -> list[Text]:
        """Return what is being worked on."""
        what = "  ".join(self.working.values())
        return [Text(f"{sanitize(what)}  Escape stops it", "running")] if what else []


def _absolute(name: str) -> Path:
    try:
        return Path(name).expanduser().absolute()
    except RuntimeError:  # there is no such user
        return Path(name).absolute()


def _confusion(judgement: Judgement) -> Matrix:
    found = judgement.found.evaluation
    given = [label for label in found.labels if any(to == label for _, to in found.confusion)]
    return Matrix(
        title=f"Right label against given label ─ {judgement.gold_file.name}",
        about="a row is the right label, a column the label that the patterns give; the diagonal is right",
        rows=[label_name(label) for label in (*found.labels, NONE)],
        columns=[label_name(label) for label in (*given, NONE)],
        counts={(label_name(gold), label_name(to)): count for (gold, to), count in found.confusion.items()},
        diagonal_is_right=True,
    )
