"""How messages name a number of things."""


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: 1 post, 1,234 posts."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
