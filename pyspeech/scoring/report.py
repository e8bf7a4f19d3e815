"""A score as text to read, as JSON, and as the one line that Kaldi's users grep for."""

import math
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyspeech.files import complete, write_json, write_text
from pyspeech.scoring.bootstrap import REPLICATIONS, SEED, error_rate_interval
from pyspeech.scoring.wer import GAP, ErrorCounts, Score, UtteranceScore, score_decode

GAP_TEXT = "***"


@dataclass(frozen=True)
class WordErrorReport:
    """A score, the 95% interval of its word error rate (fractions), and what was scored."""

    score: Score
    interval: tuple[float, float]
    manifest: Path
    decode_folder: Path


def report_decode(manifest: Path, decode_folder: Path) -> WordErrorReport:
    """Score a decode and write ``score.json``, ``per_utterance.txt`` and ``report.txt`` to ``decode_folder/score``.

    Raises:
        UserError: as ``score_decode``; nothing is written then.
    """
    score = score_decode(manifest, decode_folder)
    interval = error_rate_interval(utterance.words for utterance in score.utterances)
    report = WordErrorReport(score, interval, manifest, decode_folder)
    with complete(decode_folder / "score") as partial:
        partial.mkdir()
        write_json(partial / "score.json", score_values(report))
        write_text(partial / "per_utterance.txt", "\n".join(map(aligned_text, score.utterances)))
        write_text(partial / "report.txt", report_text(report) + wer_line(report) + "\n")
    return report


def wer_line(report: WordErrorReport) -> str:
    """``%WER 4.12 [ 33 / 801, 3 ins, 10 del, 20 sub ] 95% [ 2.9, 5.5 ] exp/decode/test``."""
    low, high = report.interval
    return f"%WER {_counts_text(report.score.words)} 95% [ {100 * low:.1f}, {100 * high:.1f} ] {report.decode_folder}"


def score_values(report: WordErrorReport) -> dict[str, object]:
    """Return every figure by name, ready for JSON; rates are in percent."""
    score = report.score
    return {
        "wer_percent": _percent(score.words.rate),
        "wer_interval_95_percent": [_percent(bound) for bound in report.interval],
        "words": _count_values(score.words),
        "cer_percent": _percent(score.characters.rate),
        "characters": _count_values(score.characters),
        "sentence_error_percent": _percent(score.wrong_sentences / len(score.utterances)),
        "sentences": len(score.utterances),
        "wrong_sentences": score.wrong_sentences,
        "missing": score.missing,
        "speakers": {
            name: {"wer_percent": _percent(counts.rate), **_count_values(counts)}
            for name, counts in score.speakers.items()
        },
        "bootstrap": {"over": "utterances", "replications": REPLICATIONS, "seed": SEED},
        "manifest": str(report.manifest),
        "decode": str(report.decode_folder),
    }


def report_text(report: WordErrorReport, rows: int | None = None) -> str:
    """Return the tables; ``rows`` shortens each one."""
    score = report.score
    sentences, wrong = len(score.utterances), score.wrong_sentences
    lines = [
        f"Words      WER {_counts_text(score.words)}",
        f"Characters CER {_counts_text(score.characters)}",
        f"Sentences  SER {100 * wrong / sentences:.2f} [ {wrong} / {sentences} ]",
    ]
    if score.words.errors == 0:
        # Resampling a perfect score can only give a perfect score; the rule of three still gives a bound.
        bound = min(100.0, 100 * 3 / score.words.reference_length)
        lines.append(f"No error; by the rule of three the true rate may still be up to {bound:.2f}% (95%)")
    if score.missing:
        lines += ["", f"Without a hypothesis, counted as deletions ({len(score.missing)}):"]
        lines += _first([f"  {name}" for name in score.missing], rows)
    lines += ["", "Speaker", *_first(list(_speaker_rows(score)), rows)]
    for title, errors in frequent_errors(score).items():
        if errors:
            lines += ["", title, *_first([f"{count:7d}  {what}" for what, count in errors], rows)]
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
    heading = f"{utterance.id}  {utterance.speaker or '-'}  WER {_counts_text(utterance.words)}{note}"
    return "\n".join([heading, *rows]) + "\n"


def display_width(text: str) -> int:
    """Columns that ``text`` takes on a terminal: two for wide characters, none for combining marks."""
    return sum(
        0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF") for letter in text
    )


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
        yield f"  {name or '-'}{padding}  WER {_counts_text(counts)}"


def _sortable(rate: float) -> float:
    return -1.0 if math.isnan(rate) else rate


def _counts_text(counts: ErrorCounts) -> str:
    rate = f"{100 * counts.rate:.2f}" if counts.reference_length else "-"
    return (
        f"{rate} [ {counts.errors} / {counts.reference_length}, "
        f"{counts.insertions} ins, {counts.deletions} del, {counts.substitutions} sub ]"
    )


def _count_values(counts: ErrorCounts) -> dict[str, int]:
    return {
        "errors": counts.errors,
        "reference": counts.reference_length,
        "insertions": counts.insertions,
        "deletions": counts.deletions,
        "substitutions": counts.substitutions,
    }


def _percent(rate: float) -> float | None:
    # JSON knows no NaN.
    return None if math.isnan(rate) else round(100 * rate, 4)


def _first(rows: Sequence[str], most: int | None) -> list[str]:
    if most is None or len(rows) <= most:
        return list(rows)
    return [*rows[:most], f"  … and {len(rows) - most} more in report.txt"]
