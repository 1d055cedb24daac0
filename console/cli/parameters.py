"""The parameters of requests as options of commands: what jobs/model declares is not declared again."""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Annotated, Any

import typer
from pydantic import BaseModel

from console.cli.completion import PARAMETERS
from jobs.model.task_request import DEFAULT_SETTINGS, TaskRequest

Values = Mapping[str, Any]
"""The values of parameters, by name, as they were typed. None: the default of the settings."""

RANGE_PARAMETERS = ("model_type", "predict_type", "start_time", "end_time", "target_schema", "target_table")
"""The parameters of a range that is only read."""


def option(parameter: str, request: type[BaseModel] = TaskRequest, *, default: str | None = None) -> Any:
    """Return the option of a parameter of a request, with its description, and its default in words."""
    text = request.model_fields[parameter].description
    return typer.Option(
        help=text if default is None else f"{text}  [default: {default}]",
        autocompletion=PARAMETERS.get(parameter),
        show_default=default is None,
    )


def with_parameters(
    request: type[BaseModel], *names: str, required: bool = True
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for each of these parameters of a request, all of them if none is named.

    The command takes them as its argument `values`. Unless `required`, an option without a default may be left out.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        parameters: list[inspect.Parameter] = []
        options = [_parameter(request, name, required) for name in names or request.model_fields]
        for parameter in inspect.signature(command, eval_str=True).parameters.values():
            parameters += options if parameter.name == "values" else [parameter.replace(kind=parameter.KEYWORD_ONLY)]

        @wraps(command)
        def call(**arguments: Any) -> None:
            values = {parameter.name: arguments.pop(parameter.name) for parameter in options}
            command(values=values, **arguments)

        # Typer reads both.
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return call

    return decorate


def _parameter(request: type[BaseModel], name: str, required: bool) -> inspect.Parameter:
    """Return the option of a parameter. It is text: the request checks it, and says what is wrong with it."""
    field = request.model_fields[name]
    declared = None if field.is_required() else str(field.default)
    needed = required and field.is_required() and name not in DEFAULT_SETTINGS
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if needed else declared,
        annotation=Annotated[str if needed or declared else str | None, option(name, request)],
    )
