"""A score as text to read, as JSON, and as the one line that Kaldi's users grep for."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pyspeech.errors import UserError
from pyspeech.json_files import read_json
from pyspeech.lang.unknown_words import UnknownWords, unknown_words
from pyspeech.lang.writing import plain
from pyspeech.scoring.figures import (
    BOOTSTRAP,
    class_rows,
    class_values,
    count_values,
    counts_text,
    interval_text,
    interval_values,
    percent,
)
from pyspeech.scoring.rare_words import TrainingClass, read_train_words, score_by_training_count
from pyspeech.scoring.wer import GAP, ErrorCounts, Score, UtteranceScore, align, count_errors, score_decode
from pyspeech.scoring.write_report import WORD_ERRORS, write_report
from pyspeech.tables import display_width
from pyspeech.text_files import read_text

GAP_TEXT = "***"
SUMMARY = "decode.json"  # in a decode
UNITS = ("words", "words and phones")
WORDS = "words.txt"  # in a decode: all that could be found, one a line


@dataclass(frozen=True)
class WordErrorReport:
    """A score, the 95% interval of its word error rate (fractions), and what was scored.

    ``classes`` tells words by their occurrences in training, ``unknown`` those that could not be found; ``None`` where
    the decode does not say. ``unit`` is what stands in the hypotheses, one of ``UNITS``.
    """

    score: Score
    interval: tuple[float, float]
    classes: tuple[TrainingClass, ...] | None
    manifest: Path
    decode_folder: Path
    unknown: UnknownWords | None = None
    unit: str = "words"

    @cached_property
    def plain(self) -> ErrorCounts:
        """Word errors where case and punctuation do not count."""
        return plain_errors(self.score)


def report_decode(manifest: Path, decode_folder: Path) -> WordErrorReport:
    """Score a decode and write ``score.json``, ``per_utterance.txt`` and ``report.txt`` to ``decode_folder/score``.

    Raises:
        UserError: as ``score_decode`` and ``read_train_words``; nothing is written then.
    """
    training = read_train_words(decode_folder)
    score = score_decode(manifest, decode_folder)
    classes = None if training is None else score_by_training_count(score, training)
    unknown = read_unknown_words(score, decode_folder)
    unit = read_unit(decode_folder)
    report = WordErrorReport(score, score.interval, classes, manifest, decode_folder, unknown, unit)
    texts = {
        "report.txt": report_text(report) + wer_line(report) + "\n",
        "per_utterance.txt": "\n".join(map(aligned_text, score.utterances)),
    }
    write_report(score, decode_folder, WORD_ERRORS, score_values(report), texts)
    return report


def read_unknown_words(score: Score, decode_folder: Path) -> UnknownWords | None:
    """Find the words of the references that the decode could not find; None where it does not say.

    Raises:
        UserError: its list of words is damaged.
    """
    path = decode_folder / WORDS
    if not path.exists():
        return None
    said = Counter(reference for utterance in score.utterances for reference, _ in utterance.pairs if reference != GAP)
    return unknown_words(said, {line.strip() for line in read_text(path, "list of words")})


def read_unit(decode_folder: Path) -> str:
    """What stands in the hypotheses of a decode: words, where it does not say.

    Raises:
        UserError: its summary is damaged.
    """
    path = decode_folder / SUMMARY
    unit = read_json(path, "decode", "decode again").get("unit", "words") if path.exists() else "words"
    if unit not in UNITS:
        raise UserError(f"{path} is damaged (its unit is {unit!r}, none of {', '.join(UNITS)}); decode again")
    return str(unit)


def plain_errors(score: Score) -> ErrorCounts:
    """Count word errors where neither case nor punctuation counts."""
    total = ErrorCounts()
    for utterance in score.utterances:
        sides = zip(*utterance.pairs, strict=True) if utterance.pairs else ((), ())
        reference, hypothesis = (plain(" ".join(side)).split() for side in sides)
        total += count_errors(align(reference, hypothesis))
    return total


def writing_hint(report: WordErrorReport) -> str:
    """What to say where most errors are of case or punctuation; empty elsewhere."""
    errors, left = report.score.words.errors, report.plain.errors
    if 2 * left >= errors:
        return ""
    return (
        f"{errors - left} of {errors} errors are of case or punctuation alone: without them WER "
        f"{counts_text(report.plain)}; write references and language model alike (see pyspeech lm text)"
    )


def wer_line(report: WordErrorReport) -> str:
    """``%WER 4.12 [ 33 / 801, 3 ins, 10 del, 20 sub ] 95% [ 2.9, 5.5 ] exp/decode/test``."""
    return f"%WER {counts_text(report.score.words)} 95% {interval_text(report.interval)} {report.decode_folder}"


def score_values(report: WordErrorReport) -> dict[str, object]:
    """Return every figure by name, ready for JSON; rates are in percent."""
    score = report.score
    return {
        "wer_percent": percent(score.words.rate),
        "wer_interval_95_percent": interval_values(report.interval),
        "words": count_values(score.words),
        "cer_percent": percent(score.characters.rate),
        "characters": count_values(score.characters),
        "sentence_error_percent": percent(score.wrong_sentences / len(score.utterances)),
        "sentences": len(score.utterances),
        "wrong_sentences": score.wrong_sentences,
        "missing": score.missing,
        "without_case_and_punctuation": {"wer_percent": percent(report.plain.rate), **count_values(report.plain)},
        "out_of_vocabulary": report.unknown
        and {
            "percent": percent(report.unknown.rate),
            "words": report.unknown.count,
            "most_frequent": report.unknown.most_frequent(),
        },
        "speakers": {
            name: {"wer_percent": percent(counts.rate), **count_values(counts)}
            for name, counts in score.speakers.items()
        },
        "training_counts": class_values(report.classes),
        "unit": report.unit,
        "bootstrap": BOOTSTRAP,
        "manifest": str(report.manifest),
        "decode": str(report.decode_folder),
    }


def report_text(report: WordErrorReport, rows: int | None = None) -> str:
    """Return the tables; ``rows`` shortens each one."""
    score = report.score
    sentences, wrong = len(score.utterances), score.wrong_sentences
    lines = [
        f"Words      WER {counts_text(score.words)}",
        f"Characters CER {counts_text(score.characters)}",
        f"Sentences  SER {100 * wrong / sentences:.2f} [ {wrong} / {sentences} ]",
    ]
    if score.words.errors == 0:
        # Resampling a perfect score can only give a perfect score; the rule of three still gives a bound.
        bound = min(100.0, 100 * 3 / score.words.reference_length)
        lines.append(f"No error; by the rule of three the true rate may still be up to {bound:.2f}% (95%)")
    if report.unknown is not None:
        lines.append(f"Out of vocabulary  {report.unknown}")
    if score.missing:
        lines += ["", f"Without a hypothesis, counted as deletions ({len(score.missing)}):"]
        lines += _first([f"  {name}" for name in score.missing], rows)
    if report.classes is not None:
        lines += ["", *class_rows(report.classes)]
    lines += ["", "Speaker", *_first(list(_speaker_rows(score)), rows)]
    for title, errors in frequent_errors(score).items():
        if errors:
            lines += ["", title, *_first([f"{count:7d}  {what}" for what, count in errors], rows)]
    if hint := writing_hint(report):
        lines += ["", f"Note: {hint}"]
    if report.unit != "words":
        note = f"the hypotheses are {report.unit}: phones that spell no word count as words"
        lines += ["", f"Note: {note}; decode by --method search, or with a graph"]
    return "\n".join(lines) + "\n\n"


def frequent_errors(score: Score) -> dict[str, list[tuple[str, int]]]:
    """Return substitutions, insertions and deletions with their counts, most frequent first."""
    tables: dict[str, Counter[str]] = {"Substitutions": Counter(), "Insertions": Counter(), "Deletions": Counter()}
    for utterance in score.utterances:
        for reference, hypothesis in utterance.pairs:
            if reference == GAP:
                tables["Insertions"][hypothesis] += 1
            elif hypothesis == GAP:
                tables["Deletions"][reference] += 1
            elif reference != hypothesis:
                tables["Substitutions"][f"{reference} -> {hypothesis}"] += 1
    return {title: sorted(table.items(), key=lambda item: (-item[1], item[0])) for title, table in tables.items()}


def aligned_text(utterance: UtteranceScore) -> str:
    """Return one utterance as a heading and three padded lines: reference, hypothesis, operations (S, I, D)."""
    columns = []
    for reference, hypothesis in utterance.pairs:
        cells = (reference or GAP_TEXT, hypothesis or GAP_TEXT, _operation(reference, hypothesis))
        width = max(map(display_width, cells))
        columns.append([cell + " " * (width - display_width(cell)) for cell in cells])
    names = ("REF", "HYP", "OPS")
    rows = [" ".join([f"{name}:", *(column[row] for column in columns)]).rstrip() for row, name in enumerate(names)]
    note = "  no hypothesis" if utterance.missing else ""
    heading = f"{utterance.id}  {utterance.speaker or '-'}  WER {counts_text(utterance.words)}{note}"
    return "\n".join([heading, *rows]) + "\n"


def _operation(reference: str, hypothesis: str) -> str:
    if reference == hypothesis:
        return ""
    if reference == GAP:
        return "I"
    return "D" if hypothesis == GAP else "S"


def _speaker_rows(score: Score) -> Iterator[str]:
    """Yield one row per speaker, the worst first."""
    width = max(display_width(name) for name in score.speakers)
    for name, counts in sorted(score.speakers.items(), key=lambda item: -_sortable(item[1].rate)):
        padding = " " * (max(width, 1) - display_width(name or "-"))
        yield f"  {name or '-'}{padding}  WER {counts_text(counts)}"


def _sortable(rate: float) -> float:
    return -1.0 if math.isnan(rate) else rate


def _first(rows: Sequence[str], most: int | None) -> list[str]:
    if most is None or len(rows) <= most:
        return list(rows)
    return [*rows[:most], f"  … and {len(rows) - most} more in report.txt"]
