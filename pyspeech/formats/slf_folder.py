"""Archives of lattices as folders of SLF files, and back."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from pyspeech.decoding.archive import LATTICE_CODEC, SYMBOLS, LatticeArchive, ShardWriter, finish_archive
from pyspeech.decoding.lattice import Lattice, prune
from pyspeech.errors import UserError
from pyspeech.files import complete, existing, refuse_others
from pyspeech.formats.per_utterance import file_name, write_files
from pyspeech.formats.slf import SUFFIX, read_slf, slf_text
from pyspeech.formats.word_lattice import likely_words
from pyspeech.lang.tokens import BLANK

EPSILON = "<eps>"  # word 0


def export_slf(
    archive: LatticeArchive, out: Path, ids: Sequence[str], acoustic_scale: float, beam: float, words: bool
) -> int:
    """Write the lattices of ``ids``, or all where there are none, one file each, and return how many.

    Paths whose score is more than ``beam`` below the best are left out; with ``words`` the arcs are words. Beside the
    files goes a table of symbols, by which ``import_slf`` brings back the numbers that tokens and words have here.

    Raises:
        UserError: an id that is not there, or ``out`` holds other files.
    """
    chosen = (archive[id_] for id_ in ids) if ids else iter(archive)

    def simplify(lattice: Lattice) -> Lattice:
        if words:
            return likely_words(lattice, acoustic_scale, beam)
        return prune(lattice, beam, lattice.num_arcs, acoustic_scale)

    def files() -> Iterator[tuple[str, str]]:
        table = {"tokens": archive.tokens, "words": archive.words, "frame_seconds": archive.frame_seconds, "shards": 0}
        yield SYMBOLS, json.dumps(table, ensure_ascii=False)
        for lattice in chosen:
            text = slf_text(simplify(lattice), archive.tokens, archive.words, archive.frame_seconds, acoustic_scale)
            yield file_name(lattice.id, SUFFIX), text

    return write_files(out, files(), "these lattices") - 1


def import_slf(folder: Path, out: Path) -> int:
    """Make an archive of the ``.slf`` files in ``folder``, in the order of their names, and return how many there are.

    Raises:
        UserError: there is none, one is damaged, two are of one utterance, or their frames differ; or ``out`` holds
            other things than an archive.
    """
    paths = sorted(path for path in existing(folder, "folder of lattices").iterdir() if path.suffix == SUFFIX)
    if not paths:
        raise UserError(f"{folder} holds no {SUFFIX} file; name the folder that pyspeech lattice export wrote")
    _refuse_other_folder(out)
    tokens, words = ({symbol: id_ for id_, symbol in enumerate(symbols)} for symbols in _known_symbols(folder))
    frame_seconds: dict[float, Path] = {}
    seen: dict[str, Path] = {}
    with complete(out) as partial:
        with ShardWriter(partial, LATTICE_CODEC) as writer:
            for path in paths:
                lattice, seconds = read_slf(path, tokens, words)
                if seen.setdefault(lattice.id, path) is not path:
                    raise UserError(f"{path} and {seen[lattice.id]} are both of {lattice.id}; keep one of them")
                frame_seconds.setdefault(seconds, path)
                if len(frame_seconds) > 1:
                    raise UserError(f"{path} and {paths[0]} have frames of different durations; import them apart")
                writer.write(lattice)
        finish_archive(partial, {"tokens": tuple(tokens), "words": tuple(words)}, next(iter(frame_seconds)))
    return len(paths)


def _known_symbols(folder: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tokens and words by id, as far as the folder says more than its lattices do."""
    if not (folder / SYMBOLS).exists():
        return (BLANK,), (EPSILON,)
    archive = LatticeArchive(folder)
    return archive.tokens, archive.words


def _refuse_other_folder(out: Path) -> None:
    shards = [path.name for path in out.iterdir() if re.fullmatch(r"[0-9]+\.npz", path.name)] if out.is_dir() else []
    refuse_others(out, {SYMBOLS, *shards}, "an archive of lattices")
