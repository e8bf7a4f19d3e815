"""Decode a manifest by a search over lexicon and language model: the network gives frames, the search their words."""

import shutil
from functools import partial
from pathlib import Path
from typing import Any

from pyspeech.decoding.run import Decode, decode
from pyspeech.decoding.stored import WARNINGS, StoredDecode
from pyspeech.files import existing
from pyspeech.rescoring.language_model import file_of
from pyspeech.rescoring.run import Rescoring, refuse_read, rescorer, write_found
from pyspeech.rescoring.weights_file import load_weights

FOUND = "found"  # folder that is gone in the end


def decode_by_search(job: Decode, search: Rescoring, out: Path) -> dict[str, Any]:
    """Decode every utterance of ``job.cuts`` into the folder ``out``, by ``search``, and return its summary.

    Raises:
        UserError: as :func:`pyspeech.decoding.run.decode` and :func:`pyspeech.rescoring.run.rescorer`.
    """
    assert job.method == search.method == "search"
    assert job.keep_frames
    # What the search lacks shows before the network works.
    refuse_read(out, search.tune)
    existing(file_of(search.lm), "language model")
    if search.weights:
        load_weights(search.weights)
    if search.tune:
        StoredDecode(search.tune).references(search.references)
    return decode(job, out, partial(_find_words, search, job.keep_lattices))


def _find_words(search: Rescoring, keep_lattices: bool, folder: Path) -> dict[str, Any]:
    decoded, found = StoredDecode(folder), folder / FOUND
    found.mkdir()
    told = write_found(found, search, rescorer(decoded, search), keep_lattices)
    # What the network gave no frames for was warned of by then.
    with (folder / WARNINGS).open("ab") as before, (found / WARNINGS).open("rb") as more:
        shutil.copyfileobj(more, before)
    (found / WARNINGS).unlink()
    for path in found.iterdir():
        path.replace(folder / path.name)
    found.rmdir()
    settings = told.pop("settings")
    of_search = {name: settings.pop(name) for name in ("acoustic_scale", "blank_penalty")}
    return {**told, "settings": {**decoded.summary["settings"], **of_search}, "search_settings": settings}
