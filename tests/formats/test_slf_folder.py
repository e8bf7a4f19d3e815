import json

import numpy as np
import pytest

from pyspeech.decoding.archive import LATTICE_CODEC, LatticeArchive, ShardWriter, finish_archive
from pyspeech.decoding.lattice import linear_lattice, prune
from pyspeech.errors import UserError
from pyspeech.formats.per_utterance import file_name
from pyspeech.formats.slf import read_slf
from pyspeech.formats.slf_folder import export_slf, import_slf
from pyspeech.formats.word_lattice import likely_words
from tests.lattices import random_lattice, same

TOKENS, WORDS = ("<blk>", "a", "b"), ("<eps>", "ONE", "TWO", "ÉTÉ")


@pytest.fixture
def archive(tmp_path):
    lattices = [random_lattice(seed, num_frames=5 + seed, id_=f"utt/{seed}") for seed in range(5)]
    lattices.append(linear_lattice("empty", *(np.zeros(0, np.int32),) * 2, np.zeros(0, np.float32)))
    with ShardWriter(tmp_path / "lattices", LATTICE_CODEC) as writer:
        for lattice in lattices:
            writer.write(lattice)
    finish_archive(tmp_path / "lattices", {"tokens": TOKENS, "words": WORDS}, 0.03)
    return LatticeArchive(tmp_path / "lattices")


def test_an_archive_comes_back_the_same(archive, tmp_path):
    assert export_slf(archive, tmp_path / "slf", (), 1.0, np.inf, words=False) == 6
    assert sorted(path.name for path in (tmp_path / "slf").iterdir())[:3] == [
        "empty.slf",
        "symbols.json",
        "utt%2F0.slf",
    ]
    assert import_slf(tmp_path / "slf", tmp_path / "back") == 6
    back = LatticeArchive(tmp_path / "back")
    assert (back.tokens, back.words, back.frame_seconds) == (TOKENS, WORDS, 0.03)
    assert all(same(back[lattice.id], lattice) for lattice in archive)
    assert len(back) == 6


def test_without_the_table_symbols_are_numbered_as_they_come(archive, tmp_path):
    export_slf(archive, tmp_path / "slf", (), 1.0, np.inf, words=False)
    (tmp_path / "slf/symbols.json").unlink()
    import_slf(tmp_path / "slf", tmp_path / "back")
    back = LatticeArchive(tmp_path / "back")
    assert (back.tokens[0], back.words[0]) == ("<blk>", "<eps>")
    for lattice in archive:
        found = back[lattice.id]
        assert [back.words[word] for word in found.word] == [WORDS[word] for word in lattice.word]
        assert [back.tokens[token] for token in found.token if token >= 0] == [
            TOKENS[token] for token in lattice.token if token >= 0
        ]


@pytest.mark.parametrize("words", [False, True])
def test_some_utterances_can_be_written_and_unlikely_paths_left_out(archive, tmp_path, words):
    assert export_slf(archive, tmp_path / "slf", ["utt/3", "utt/1"], 0.5, 1.0, words=words) == 2
    ids = {symbol: id_ for id_, symbol in enumerate(TOKENS)}, {symbol: id_ for id_, symbol in enumerate(WORDS)}
    for name in ("utt/1", "utt/3"):
        lattice = archive[name]
        expected = likely_words(lattice, 0.5, 1.0) if words else prune(lattice, 1.0, lattice.num_arcs, 0.5)
        found, _ = read_slf(tmp_path / "slf" / file_name(name, ".slf"), *ids)
        assert same(found, expected)


def test_faults_write_nothing(archive, tmp_path):
    slf, back = tmp_path / "slf", tmp_path / "back"
    with pytest.raises(UserError, match="no lattice of 'other'"):
        export_slf(archive, slf, ["utt/1", "other"], 1.0, np.inf, words=False)
    assert not slf.exists()
    with pytest.raises(UserError, match="no folder of lattices"):
        import_slf(slf, back)
    export_slf(archive, slf, ["utt/1", "utt/2"], 1.0, np.inf, words=False)
    first = (slf / "utt%2F1.slf").read_text(encoding="utf-8")
    (slf / "z.slf").write_text(first, encoding="utf-8")
    with pytest.raises(UserError, match=r"z\.slf and .*utt%2F1\.slf are both of utt/1"):
        import_slf(slf, back)
    (slf / "z.slf").write_text("UTTERANCE=z\nframeseconds=1\nN=2 L=1\nI=0 t=0\nI=1 t=1\nJ=0 S=0 E=1 W=A\n")
    with pytest.raises(UserError, match="frames of different durations"):
        import_slf(slf, back)
    (slf / "z.slf").write_text("nonsense")
    with pytest.raises(UserError, match=r"z\.slf, line 1: expected NAME=value"):
        import_slf(slf, back)
    assert not back.exists()
    for path in slf.glob("*.slf"):
        path.unlink()
    with pytest.raises(UserError, match=r"holds no \.slf file"):
        import_slf(slf, back)


def test_an_archive_is_replaced_but_no_other_folder(archive, tmp_path):
    export_slf(archive, tmp_path / "slf", ["utt/1"], 1.0, np.inf, words=False)
    import_slf(tmp_path / "slf", archive.folder)
    assert [lattice.id for lattice in LatticeArchive(archive.folder)] == ["utt/1"]
    (archive.folder / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"other things than an archive of lattices \(notes\.txt\)"):
        import_slf(tmp_path / "slf", archive.folder)
    table = json.loads((archive.folder / "symbols.json").read_text(encoding="utf-8"))
    assert table["shards"] == 1
