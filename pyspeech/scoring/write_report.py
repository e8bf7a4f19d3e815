"""The folder ``score`` of a decode: all that is in it was made from the same references and the same hypotheses."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from pyspeech.files import complete, digest, write_json, write_text
from pyspeech.json_files import is_made_from
from pyspeech.scoring.wer import Score

FOLDER = "score"
WORD_ERRORS = "score.json"
RARE_WORDS = "rare_words.json"
# What a report consists of beside its JSON table, whose "digest" tells what was scored.
REPORTS: dict[str, tuple[str, ...]] = {
    WORD_ERRORS: ("report.txt", "per_utterance.txt"),
    RARE_WORDS: ("rare_words.txt",),
}


def write_report(
    score: Score, decode_folder: Path, table: str, values: Mapping[str, object], texts: Mapping[str, str]
) -> None:
    """Write one report to ``decode_folder/score``; another report stays there if it is of the same words.

    Args:
        score: What the report is made from.
        decode_folder: Holds the hypotheses.
        table: One of ``REPORTS``.
        values: What to write to ``table``.
        texts: What to write to its other files, by name.

    Raises:
        UserError: it cannot be written; the folder is as it was then.
    """
    assert set(texts) == set(REPORTS[table])
    key = digest([(one.id, one.speaker, one.missing, one.pairs) for one in score.utterances])
    folder = decode_folder / FOLDER
    with complete(folder) as partial:
        partial.mkdir()
        for other, names in REPORTS.items():
            files = (other, *names)
            if other != table and is_made_from(folder, files, other, key):
                for name in files:
                    shutil.copy2(folder / name, partial / name)
        write_json(partial / table, {**values, "digest": key})
        for name, text in texts.items():
            write_text(partial / name, text)
