"""LibriSpeech and corpora in its layout (https://www.openslr.org/12): ``<part>/<speaker>/<chapter>/*.trans.txt``."""

import glob
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lhotse import MonoCut

from pyspeech.corpora.left_out import tell, tell_left_out
from pyspeech.corpora.sources.dividing import placed
from pyspeech.corpora.sources.reading import Entry, cut_of_file, lines_of, on_disk, read
from pyspeech.corpora.splits import DEV, TRAIN, in_order, split_name
from pyspeech.errors import UserError


@dataclass(frozen=True)
class LibriSpeech:
    """Parts of the corpus: all of ``train`` is one split, all of ``dev`` too, each of ``test`` its own by its name.

    Train must be there; other parts that are not are left out. Without any part of ``dev``, a tenth of the speakers of
    train are dev.
    """

    train: tuple[str, ...]
    dev: tuple[str, ...] = ("dev-clean", "dev-other")
    test: tuple[str, ...] = ("test-clean", "test-other")

    def splits(self, corpus: Path) -> tuple[str, ...]:
        """Names of the splits that are there, train first; tells on stderr which parts are not."""
        if missing := [part for part in (*self.dev, *self.test) if not (corpus / part).is_dir()]:
            tell(f"left out, as {corpus} has no such part: {', '.join(missing)}")
        entries = self._entries(corpus)
        named = {str(entry.path) for entry in entries}
        for part in (*self.train, *self.dev, *self.test):
            others = sorted(set(glob.glob(f"{glob.escape(str(corpus.absolute() / part))}/*/*/*.flac")) - named)  # noqa: PTH207
            tell_left_out(corpus / part, [os.path.basename(path) for path in others], "files without a transcript")  # noqa: PTH119
        return in_order(entry.split for entry in entries)

    def cuts(self, corpus: Path, split: str) -> Iterator[MonoCut]:
        """Yield the utterances of one split in the order of their parts, speakers and chapters."""
        return read([entry for entry in self._entries(corpus) if entry.split == split], split, cut_of_file)

    def _entries(self, corpus: Path) -> list[Entry]:
        if missing := [part for part in self.train if not (corpus / part).is_dir()]:
            raise UserError(
                f"{corpus} lacks what is to be trained on: {', '.join(missing)}; fetch it, or train on less"
            )
        parts = [(part, TRAIN) for part in self.train] + [(part, DEV) for part in self.dev]
        parts += [(part, split_name(part)) for part in self.test]
        entries = [entry for part, split in parts for entry in _part(corpus.absolute() / part, split)]
        return placed(entries, "recognition", wanted=(DEV,))


def _part(folder: Path, split: str) -> Iterator[Entry]:
    tables = sorted(folder.glob("*/*/*.trans.txt"))
    if folder.is_dir() and not tables:
        raise UserError(f"{folder} holds no <speaker>/<chapter>/*.trans.txt; unpack it again")
    for table in tables:
        for line in lines_of(table):
            id_, _, text = line.partition(" ")
            if id_:
                yield Entry(on_disk(f"{id_}.flac", table.parent), text, table.parent.parent.name, id_, split)
