"""A preview as JSON."""

from console.figures import share_json
from jobs.services import Preview


def preview_json(found: Preview) -> dict[str, object]:
    """Return what a preview says, for the envelope."""
    return {
        "rows": found.rows,
        "clusters": found.clusters,
        "everything": found.everything,
        "seconds": round(found.seconds, 3),
        "labelled": share_json(found.labelled),
        "panels": {panel: share_json(share) for panel, share in found.panels.items()},
        "results": [
            {
                "result": one.result,
                "rows": one.rows,
                "labelled": share_json(one.labelled),
                "panels": {panel: share_json(share) for panel, share in zip(found.panels, one.panels, strict=True)},
            }
            for one in found.results
        ],
        "authors": found.authors,
        "authors_labelled": share_json(found.authors_labelled),
        "conflicts": [
            {"label": decided, "other": other, "rows": rows} for (decided, other), rows in found.conflicts.items()
        ],
        "patterns": [
            {
                "label": one.label,
                "line": one.line,
                "pattern": one.pattern.text,
                "match_type": one.pattern.match_type,
                "hits": one.hits,
                "decided": one.decided,
                "alone": one.alone,
                "conflicts": one.conflicts,
                "examples": one.examples,
            }
            for one in found.patterns
        ],
    }
