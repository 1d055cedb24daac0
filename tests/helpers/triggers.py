"""Triggers that make the server refuse what a worker writes."""

NO_MORE_ROWS = "no more rows"


def refuse_rows(table: str) -> str:
    """Return the SQL that makes a table of the output schema refuse every row, for TestDeployment.write_anything."""
    return (
        f"CREATE TRIGGER {{output}}.refuse BEFORE INSERT ON {{output}}.{table} FOR EACH ROW"
        f" SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{NO_MORE_ROWS}'"
    )
