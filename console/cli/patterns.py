"""The command that lists the pattern files."""

import typer

from console.cli.output import exit_with, print_envelope, print_error, print_table
from console.cli.run import AsJson
from jobs import services
from jobs.errors import AudienceError
from jobs.model.wording import counted
from jobs.services.patterns import PatternFile, read_pattern_files

_COLUMNS = {
    "model": lambda file: file.model_type,
    "label": lambda file: f"/{file.label}",
    "predict_type": lambda file: file.predict_type,
    "patterns": lambda file: len(file.patterns),
    "faults": lambda file: len(file.faults) or "",
}


def patterns(as_json: AsJson = False) -> None:
    """List the pattern files, with their faults."""
    try:
        deployment = services.load_deployment()
    except AudienceError as error:
        exit_with(error, as_json)
    files, model_faults = read_pattern_files(deployment.settings.patterns_dir)
    faults = [str(fault) for fault in (*model_faults, *(fault for file in files for fault in file.faults))]
    if as_json:
        message = f"{counted(len(faults), 'fault')}; see content and faults" if faults else "OK"
        content = [_to_json(file) for file in files]
        print_envelope(501 if faults else 200, message, content=content, faults=faults)
    else:
        print_table(_COLUMNS, files)
        for fault in faults:
            print_error(fault)
    if faults:
        raise typer.Exit(1)


def _to_json(file: PatternFile) -> dict[str, object]:
    return {
        "model_type": file.model_type,
        "label": file.label,
        "predict_type": file.predict_type,
        "patterns": len(file.patterns),
        "faults": [{"line": fault.line, "message": fault.message} for fault in file.faults],
    }
