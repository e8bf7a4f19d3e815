"""The errors of listed words as text to read, as JSON, and as one line to look for."""

import math
from dataclasses import dataclass
from pathlib import Path

from pyspeech.files import digest
from pyspeech.scoring.bootstrap import error_rate_interval, rate_interval
from pyspeech.scoring.figures import (
    BOOTSTRAP,
    class_rows,
    class_values,
    count_values,
    counts_text,
    interval_text,
    interval_values,
    marked_interval,
    percent,
    with_rule_of_three,
)
from pyspeech.scoring.rare_words import (
    TRAIN_WORDS,
    RareWordCounts,
    TrainingClass,
    count_rare_words,
    read_train_words,
    read_word_list,
    recall_interval,
    score_by_training_count,
)
from pyspeech.scoring.wer import ErrorCounts, Score, score_decode
from pyspeech.scoring.write_report import RARE_WORDS, write_report

Interval = tuple[float, float] | None


@dataclass(frozen=True)
class RareWordReport:
    """A score apart for listed words and all others, with the 95% interval of each rate (fractions).

    Args:
        score: All utterances.
        words: The list.
        counts: Of all utterances.
        intervals: By rate: ``wer``, ``u_wer``, ``b_wer``, ``recall``, ``false_insertions``; ``None`` for a rate of
            nothing.
        classes: By occurrences in training; ``None`` where the decode does not say.
        manifest: Where the references came from.
        decode_folder: Where the hypotheses came from.
        list_file: Where ``words`` came from.
    """

    score: Score
    words: frozenset[str]
    counts: RareWordCounts
    intervals: dict[str, Interval]
    classes: tuple[TrainingClass, ...] | None
    manifest: Path
    decode_folder: Path
    list_file: Path

    @property
    def words_in_references(self) -> int:
        """How many different words of the list the references hold."""
        return len(self.words & {reference for one in self.score.utterances for reference, _ in one.pairs})


def report_rare_words(manifest: Path, decode_folder: Path, list_file: Path) -> RareWordReport:
    """Score a decode and write ``rare_words.json`` and ``rare_words.txt`` to ``decode_folder/score``.

    Raises:
        UserError: as ``score_decode``, ``read_word_list`` and ``read_train_words``; nothing is written then.
    """
    words = read_word_list(list_file)
    training = read_train_words(decode_folder)
    score = score_decode(manifest, decode_folder)
    counts = [count_rare_words(one.pairs, words) for one in score.utterances]
    report = RareWordReport(
        score,
        words,
        sum(counts, RareWordCounts()),
        {
            "wer": score.interval,
            "u_wer": _error_interval([one.unlisted for one in counts]),
            "b_wer": _error_interval([one.listed for one in counts]),
            "recall": recall_interval(counts),
            "false_insertions": _false_interval(counts),
        },
        None if training is None else score_by_training_count(score, training),
        manifest,
        decode_folder,
        list_file,
    )
    text = rare_text(report) + rare_line(report) + "\n"
    write_report(score, decode_folder, RARE_WORDS, rare_values(report), {"rare_words.txt": text})
    return report


def rare_line(report: RareWordReport) -> str:
    """``%B-WER 14.08 [ 12 / 85 ] 95% [ 7.1, 22.4 ] %U-WER … %WER … exp/decode/test``."""
    rates = [
        f"%{name} {_ratio_text(counts.rate, counts.errors, counts.reference_length)} 95% {interval_text(interval)}"
        for name, counts, interval in reversed(_error_rates(report))
    ]
    return " ".join([*rates, str(report.decode_folder)])


def rare_text(report: RareWordReport) -> str:
    """Return the figures and what they mean, one a line, and the table by occurrences in training."""
    counts, intervals = report.counts, report.intervals
    lines = [f"{len(report.words)} words listed in {report.list_file}, {report.words_in_references} in the references"]
    if not report.words_in_references:
        lines.append("No listed word is in the references, so B-WER and recall are n/a; is the case the same?")
    lines += [
        f"{name:5} {counts_text(errors)} 95% {marked_interval(interval)}"
        for name, errors, interval in _error_rates(report)
    ]
    lines += [
        f"Recall of listed words {_recall_text(counts, intervals['recall'])}",
        f"False insertions, of the listed words in the hypotheses "
        f"{_ratio_text(counts.false_rate, counts.false, counts.hypothesised)} "
        f"95% {marked_interval(intervals['false_insertions'])}",
    ]
    if report.classes is not None:
        unseen = report.classes[0]
        lines.append(f"Recall of words never seen in training (OOV) {_recall_text(unseen.counts, unseen.interval)}")
    lines = [*with_rule_of_three(lines), ""]
    if report.classes is None:
        lines.append(f"No {TRAIN_WORDS} in {report.decode_folder}: which words training never saw (OOV) is not known")
    else:
        lines += class_rows(report.classes)
    return "\n".join(lines) + "\n\n"


def rare_values(report: RareWordReport) -> dict[str, object]:
    """Return every figure by name, ready for JSON; rates are in percent, and null where they are rates of nothing."""
    values: dict[str, object] = {}
    for name, errors, interval in _error_rates(report):
        values[name.lower().replace("-", "_")] = {
            "percent": percent(errors.rate),
            "interval_95_percent": interval_values(interval),
            **count_values(errors),
        }
    counts = report.counts
    return {
        **values,
        "recall_percent": percent(counts.recall),
        "recall_interval_95_percent": interval_values(report.intervals["recall"]),
        "recalled": counts.listed.hits,
        "false_insertions": counts.false,
        "false_insertions_percent": percent(counts.false_rate),
        "false_insertions_interval_95_percent": interval_values(report.intervals["false_insertions"]),
        "hypothesised": counts.hypothesised,
        "training_counts": class_values(report.classes),
        "sentences": len(report.score.utterances),
        "missing": report.score.missing,
        "words_listed": len(report.words),
        "words_in_references": report.words_in_references,
        "bootstrap": BOOTSTRAP,
        "list": str(report.list_file),
        "list_digest": digest(report.list_file),
        "manifest": str(report.manifest),
        "decode": str(report.decode_folder),
    }


def _error_rates(report: RareWordReport) -> list[tuple[str, ErrorCounts, Interval]]:
    return [
        ("WER", report.score.words, report.intervals["wer"]),
        ("U-WER", report.counts.unlisted, report.intervals["u_wer"]),
        ("B-WER", report.counts.listed, report.intervals["b_wer"]),
    ]


def _error_interval(counts: list[ErrorCounts]) -> Interval:
    return error_rate_interval(counts) if any(one.reference_length for one in counts) else None


def _false_interval(counts: list[RareWordCounts]) -> Interval:
    if not any(one.hypothesised for one in counts):
        return None
    return rate_interval((one.false, one.hypothesised) for one in counts)


def _recall_text(counts: RareWordCounts, interval: Interval) -> str:
    recalled, length = counts.listed.hits, counts.listed.reference_length
    return f"{_ratio_text(counts.recall, recalled, length)} 95% {marked_interval(interval)}"


def _ratio_text(rate: float, happened: int, possible: int) -> str:
    return f"{'n/a' if math.isnan(rate) else f'{100 * rate:.2f}'} [ {happened} / {possible} ]"
