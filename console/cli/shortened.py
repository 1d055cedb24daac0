"""Marks texts that are too long for a line of a table."""


class Shortened(str):
    """A text that a table on a terminal shortens in the middle, such as a rule; a pipe gets all of it."""
