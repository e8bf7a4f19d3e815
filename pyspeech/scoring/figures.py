"""Counts, rates and intervals as every report writes them: as text, and as values for JSON."""

import math
from collections.abc import Sequence

from pyspeech.scoring.bootstrap import REPLICATIONS, SEED
from pyspeech.scoring.rare_words import TrainingClass
from pyspeech.scoring.wer import ErrorCounts

MARK = "*"
BOOTSTRAP = {"over": "utterances", "replications": REPLICATIONS, "seed": SEED}


def class_rows(classes: Sequence[TrainingClass]) -> list[str]:
    """Return the table of recall and false insertions by occurrences in training."""
    rows = ["In training  reference words  recalled %  95%                 false insertions"]
    for one in classes:
        listed = one.counts.listed
        recall = f"{100 * one.counts.recall:.2f}" if listed.reference_length else "n/a"
        interval = marked_interval(one.interval)
        rows.append(
            f"{one.name:>11}  {listed.reference_length:15d}  {recall:>10}  {interval:<18}  {one.counts.false:16d}"
        )
    return with_rule_of_three(rows)


def marked_interval(interval: tuple[float, float] | None) -> str:
    """Return the interval in percent, with a mark where resampling can only repeat that all or none happened."""
    return interval_text(interval) + (f" {MARK}" if interval in ((0.0, 0.0), (1.0, 1.0)) else "")


def with_rule_of_three(rows: list[str]) -> list[str]:
    """Return the rows, and below them what the mark of some means."""
    if not any(f"] {MARK}" in row for row in rows):
        return rows
    return [*rows, f"{MARK} all or none of n words; by the rule of three the true rate may differ by 3 / n (95%)"]


def class_values(classes: Sequence[TrainingClass] | None) -> list[dict[str, object]] | None:
    """Return the same table ready for JSON."""
    if classes is None:
        return None
    return [
        {
            "occurrences": one.name,
            "reference": one.counts.listed.reference_length,
            "recalled": one.counts.listed.hits,
            "recall_percent": percent(one.counts.recall),
            "recall_interval_95_percent": interval_values(one.interval),
            "false_insertions": one.counts.false,
        }
        for one in classes
    ]


def interval_text(interval: tuple[float, float] | None) -> str:
    """``[ 2.9, 5.5 ]`` in percent, or ``n/a`` for the interval of a rate of nothing."""
    return "n/a" if interval is None else f"[ {100 * interval[0]:.1f}, {100 * interval[1]:.1f} ]"


def interval_values(interval: tuple[float, float] | None) -> list[float | None] | None:
    """Return both bounds in percent, ready for JSON."""
    return None if interval is None else [percent(bound) for bound in interval]


def counts_text(counts: ErrorCounts) -> str:
    """``4.12 [ 33 / 801, 3 ins, 10 del, 20 sub ]``."""
    rate = f"{100 * counts.rate:.2f}" if counts.reference_length else "-"
    return (
        f"{rate} [ {counts.errors} / {counts.reference_length}, "
        f"{counts.insertions} ins, {counts.deletions} del, {counts.substitutions} sub ]"
    )


def count_values(counts: ErrorCounts) -> dict[str, int]:
    """Return the counts by name, ready for JSON."""
    return {
        "errors": counts.errors,
        "reference": counts.reference_length,
        "insertions": counts.insertions,
        "deletions": counts.deletions,
        "substitutions": counts.substitutions,
    }


def percent(rate: float) -> float | None:
    """Return a fraction in percent, ready for JSON, which knows no NaN."""
    return None if math.isnan(rate) else round(100 * rate, 4)
