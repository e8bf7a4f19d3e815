"""CMU Sphinx's layout: lists of files and of transcripts in ``etc``, audio in ``wav`` or features in ``feat``.

https://cmusphinx.github.io/wiki/tutorialam
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lhotse import MonoCut

from pyspeech.corpora.sources.dividing import placed
from pyspeech.corpora.sources.layout import named_splits
from pyspeech.corpora.sources.reading import (
    Entry,
    cut_of_file,
    lines_of,
    on_disk,
    read,
    tell_marks,
    with_speakers,
)
from pyspeech.corpora.splits import in_order, split_name
from pyspeech.data.audio_files import AUDIO
from pyspeech.data.precomputed_features import FEATURE_FILES
from pyspeech.errors import UserError
from pyspeech.lang.lexicon import VARIANT
from pyspeech.lang.marks import marks_of, without_marks

LISTS, TEXTS = ".fileids", ".transcription"
FOLDERS = ("wav", "feat", "")  # in which the paths of a list begin
ENDINGS = (*AUDIO, *FEATURE_FILES, *map(str.upper, AUDIO))
LINE = re.compile(r"(.*)\(([^()\s]+)\)")  # <s> the words </s> (id)
SENTENCE_ENDS = ("<s>", "</s>")


@dataclass(frozen=True)
class Sphinx:
    """Lists ``etc/<name>_train.fileids`` with ``etc/<name>_train.transcription``, and such of dev and test.

    What of dev and test there is none of is held out of train, see :func:`pyspeech.corpora.sources.dividing.divided`.
    Words stay as they are, which are the dictionary's, but for marks of pronunciations (``READ(2)``) and of noises.
    The speaker is the folder of the file, where there are several.
    """

    def splits(self, corpus: Path) -> tuple[str, ...]:
        """Names of the splits, train first; marks that are no words are told on stderr."""
        entries = _entries(corpus.absolute())
        tell_marks(corpus, entries)
        return in_order(entry.split for entry in placed(entries, "recognition"))

    def cuts(self, corpus: Path, split: str) -> Iterator[MonoCut]:
        """Yield the utterances of one split in the order of its list."""
        entries = placed(_entries(corpus.absolute()), "recognition")
        return read([entry for entry in entries if entry.split == split], split, cut_of_file)


def lists_of(corpus: Path) -> dict[str, Path]:
    """The list of files of each split.

    Raises:
        UserError: there is none, or it is not clear which is of which split.
    """
    lists = sorted([*corpus.glob(f"etc/*{LISTS}"), *corpus.glob(f"*{LISTS}")])
    if not lists:
        raise UserError(f"{corpus} has no etc/*{LISTS}, which would list its files; give the folder above etc/")
    by_name = {path.stem.rpartition("_")[2]: path for path in lists}
    return {split: by_name[name] for split, name in named_splits(by_name).items()}


def _entries(corpus: Path) -> list[Entry]:
    lists = lists_of(corpus).items()
    return with_speakers([entry for split, path in lists for entry in _of_list(corpus, split_name(split), path)])


def _of_list(corpus: Path, split: str, path: Path) -> Iterator[Entry]:
    texts = _texts(path.with_suffix(TEXTS))
    names = [line.strip() for line in lines_of(path) if line.strip()]
    if not names:
        raise UserError(f"{path} lists no file; a line is the path of one below wav/, without its ending")
    base, ending = _where(corpus, names, path)
    for name in names:
        file = Path(name)
        text = texts.get(name, texts.get(file.name))
        words = [VARIANT.sub("", word) for word in without_marks(text or "").split()]
        marks = tuple(mark for mark in marks_of(text or "") if mark not in SENTENCE_ENDS)
        yield Entry(
            on_disk(name + ending, corpus / base),
            " ".join(words),
            file.parent.name,
            split=split,
            fault="" if text is not None else f"has no transcript in {path.with_suffix(TEXTS).name}",
            marks=marks,
        )


def _texts(path: Path) -> Mapping[str, str]:
    """Texts by the id at the end of each line."""
    texts: dict[str, str] = {}
    for number, line in enumerate(lines_of(path), 1):
        if not line.strip():
            continue
        match = LINE.fullmatch(line.strip())
        if match is None:
            raise UserError(
                f"{path}, line {number}: expected words and then the file's name in brackets, found '{line}'"
            )
        texts[match[2]] = match[1].strip()
    return texts


def _where(corpus: Path, names: list[str], path: Path) -> tuple[str, str]:
    """The folder and the ending of most of the first files of a list."""
    sample = names[:: max(1, len(names) // 20)]
    counts = {
        (base, ending): sum((corpus / base / f"{name}{ending}").is_file() for name in sample)
        for base in FOLDERS
        for ending in ("", *ENDINGS)
    }
    best = max(counts, key=counts.__getitem__)
    if not counts[best]:
        raise UserError(
            f"no file of {path} is there: {names[0]} was looked for in {corpus} and its wav and feat, "
            f"with {', '.join((*AUDIO, *FEATURE_FILES))}"
        )
    return best
