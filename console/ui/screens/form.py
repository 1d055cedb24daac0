"""What the forms of a task and of a schedule share: the tables to choose from, moving between fields, leaving."""

from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from console.ui.screens.base import BaseScreen, ScreenContext
from console.ui.screens.dialogs import Confirm
from console.ui.widgets.task_form import TaskForm
from jobs.services import overview


class FormScreen(BaseScreen):
    """A screen around a form. Leaving it asks first if something was filled in."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "move(1)", "Next field", show=False),
        Binding("up", "move(-1)", "Field before", show=False),
    ]

    def __init__(self, context: ScreenContext) -> None:
        super().__init__(context)
        self.faults: dict[str, str] = {}
        """What is wrong, by parameter."""
        self.initial: dict[str, str] = {}
        """The values that the form has been opened with."""
        self._tables: dict[str, list[str]] = {}

    @property
    def form(self) -> TaskForm:
        """The form."""
        return self.query_one(TaskForm)

    @work(group="tables", exclusive=True, exit_on_error=False)
    async def read_tables(self) -> None:
        """Offer the schemas and tables of the input server."""
        self._tables = await overview.list_input_tables(self.deployment)
        schema = self.form.choice("target_schema")
        schema.offer(list(self._tables), schema.text)
        self.offer_tables()

    def offer_tables(self, *, another_schema: bool = False) -> None:
        """Offer the tables of the schema. The value stays, even if it is not among them, unless the schema changed."""
        table, names = self.form.choice("target_table"), self._tables.get(self.form.value("target_schema"), [])
        first = names[0] if names else ""
        table.offer(names, first if another_schema and table.text not in names else table.text or first)

    def go_to_fault(self) -> None:
        """Move to the first field with a fault, and say what is wrong."""
        labels = self.form.LABELS
        first = next(name for name in labels if name in self.faults)
        self.query_one(f"#{first}").focus()
        self.show_message(f"{labels[first]}: {self.faults[first]}", error=True)

    def action_move(self, step: int) -> None:
        """Move to the next field, or to the one before."""
        self.form.move_focus(step)

    def action_back(self) -> None:
        """Go back. Ask first if something was filled in."""
        if self.form.values == self.initial:
            self.app.pop_screen()
        else:
            self._ask_and_leave()

    @work(group="dialog", exit_on_error=False)
    async def _ask_and_leave(self) -> None:
        if await self.ask(Confirm("Leave this form? Its values will be lost.", "Leave")):
            self.app.pop_screen()
