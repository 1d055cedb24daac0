"""How commands and screens write figures: numbers, durations, and shares with their 95% interval."""

from patterns.intervals import Share


def number(value: float | None) -> str:
    """Return 1,234,567; empty for None."""
    return "" if value is None else f"{value:,.0f}"


def short_number(value: float | None) -> str:
    """Return at most five characters: 987, 1.2k, 45k, 1.2M."""
    if value is None:
        return ""
    for limit, divisor, unit in ((1_000, 1, ""), (1_000_000, 1_000, "k"), (10**9, 10**6, "M"), (10**12, 10**9, "G")):
        if value < limit * 0.9995:
            scaled = value / divisor
            return f"{scaled:.1f}{unit}" if unit and scaled < 10 else f"{scaled:.0f}{unit}"
    return f"{value:.0e}"


def rounded(estimate: int) -> int:
    """Return an estimate with the three digits that it may be worth."""
    return round(estimate, min(3 - len(str(estimate)), 0))


def duration(seconds: float | None) -> str:
    """Return at most four characters: 12s, 5m, 3h, 12d."""
    if seconds is None:
        return ""
    seconds = max(seconds, 0)
    for limit, divisor, unit in ((60, 1, "s"), (3_600, 60, "m"), (86_400, 3_600, "h")):
        if seconds < limit:
            return f"{seconds / divisor:.0f}{unit}"
    return f"{seconds / 86_400:.0f}d"


def percentage(share: Share) -> str:
    """Return a share with its interval, unless it is exact: 97.8% (97.5-98.1). A dash for the share of nothing."""
    return _share(share, "%")


def percent(share: Share) -> str:
    """Return the same without the sign, for a column whose heading has it: 97.8 (97.5-98.1)."""
    return _share(share, "")


def _share(share: Share, sign: str) -> str:
    if share.value is None:
        return "-"
    if share.low == share.high:
        return f"{100 * share.value:.1f}{sign}"
    decimals = 1 if share.high - share.low > 0.001 else 2
    value, low, high = (f"{100 * part:.{decimals}f}" for part in (share.value, share.low, share.high))
    return f"{value}{sign} ({low}-{high})"


def share_json(share: Share) -> dict[str, float | None]:
    """Return a share as JSON: its value, and the ends of its 95% interval."""
    return {"share": share.value, "low": share.low, "high": share.high}
