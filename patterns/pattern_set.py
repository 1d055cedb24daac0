"""A pattern set: the labels of one model for one predict type, frozen and identified by a hash."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

ModelType = Literal["keyword_model", "rule_model"]
PredictType = Literal["author_name", "s_area_id", "title", "content"]
MatchType = Literal["partially", "exactly", "start", "end", "regex"]

MODEL_TYPES: tuple[ModelType, ...] = get_args(ModelType)
PREDICT_TYPES: tuple[PredictType, ...] = get_args(PredictType)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A line of a pattern file. `match_type` is `regex` in a rule_model, and only there."""

    text: str
    match_type: MatchType

    def __str__(self) -> str:
        return self.text if self.match_type == "regex" else f"{self.text} {self.match_type}"


@dataclass(frozen=True, slots=True)
class Label:
    """A label and its patterns in the order of its file."""

    name: str
    patterns: tuple[Pattern, ...]


@dataclass(frozen=True)
class PatternSet:
    """The labels in deciding order: a text gets the first that matches (docs/contract.md, "Labelling")."""

    model_type: ModelType
    predict_type: PredictType
    labels: tuple[Label, ...]

    def __iter__(self) -> Iterator[tuple[Label, Pattern]]:
        """Yield every pattern with its label, in deciding order."""
        for label in self.labels:
            for pattern in label.patterns:
                yield label, pattern

    def lines(self) -> Iterator[tuple[str, int, Pattern]]:
        """Yield every pattern in deciding order, with the name of its label and its line in the label's file."""
        for label in self.labels:
            for line, pattern in enumerate(label.patterns, start=1):
                yield label.name, line, pattern

    def to_json(self) -> bytes:
        """Return the canonical form: equal sets give equal bytes."""
        # Not by `asdict`, which takes three times as long.
        labels = [
            {
                "name": label.name,
                "patterns": [{"text": pattern.text, "match_type": pattern.match_type} for pattern in label.patterns],
            }
            for label in self.labels
        ]
        content = {"model_type": self.model_type, "predict_type": self.predict_type, "labels": labels}
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "PatternSet":
        """Invert `to_json`."""
        content = json.loads(data)
        labels = tuple(
            Label(label["name"], tuple(Pattern(**pattern) for pattern in label["patterns"]))
            for label in content["labels"]
        )
        return cls(content["model_type"], content["predict_type"], labels)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical form in 64 hex digits: the `pattern_hash` of a task."""
        return hashlib.sha256(self.to_json()).hexdigest()
