"""How commands and screens show shares: in per cent, with their 95 % interval."""

from patterns.intervals import Share


def percent(share: Share) -> str:
    """Return a share with its interval, unless it is exact: 97.8 (97.5-98.1). A dash for the share of nothing."""
    if share.value is None:
        return "-"
    if share.low == share.high:
        return _number(share.value, 1)
    decimals = 1 if share.high - share.low > 0.001 else 2
    return f"{_number(share.value, decimals)} ({_number(share.low, decimals)}-{_number(share.high, decimals)})"


def percentage(share: Share) -> str:
    """Return a share as screens show it: 97.8% (97.5-98.1)."""
    value, _, interval = percent(share).partition(" ")
    return "-" if share.value is None else f"{value}%{' ' if interval else ''}{interval}"


def share_json(share: Share) -> dict[str, float | None]:
    """Return a share as JSON: its value, and the ends of its 95 % interval."""
    return {"share": share.value, "low": share.low, "high": share.high}


def _number(value: float, decimals: int) -> str:
    return f"{100 * value:.{decimals}f}"
