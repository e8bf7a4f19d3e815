import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from pyspeech.cli.lattice import lattice
from pyspeech.decoding.archive import LATTICE_CODEC, LatticeArchive, ShardWriter, finish_archive
from pyspeech.errors import UserError
from tests.lattices import random_lattice, same


@pytest.fixture
def decode(tmp_path):
    folder = tmp_path / "decode"
    folder.mkdir()
    (folder / "decode.json").write_text(json.dumps({"settings": {"acoustic_scale": 0.5}}))
    with ShardWriter(folder / "lattices", LATTICE_CODEC) as writer:
        for seed in range(3):
            writer.write(random_lattice(seed, num_frames=6, id_=f"utt-{seed}"))
    symbols = {"tokens": ("<blk>", "a", "b"), "words": ("<eps>", "ONE", "TWO", "SIX")}
    finish_archive(folder / "lattices", symbols, 0.03)
    return folder


def run(*words):
    return CliRunner().invoke(lattice, [str(word) for word in words], catch_exceptions=False)


def test_a_lattice_is_drawn(decode, tmp_path):
    text = run("draw", decode, "utt-1").stdout
    assert text.startswith('digraph "utt-1" {\n')
    done = run("draw", decode, "utt-1", "--out", tmp_path / "a.dot")
    assert (done.exit_code, done.output) == (0, "")
    assert (tmp_path / "a.dot").read_text() == text
    assert len(run("draw", decode, "utt-1", "--beam", 0).stdout) < len(run("draw", decode, "utt-1", "--beam", 9).stdout)
    with pytest.raises(UserError, match="no lattice of 'utt-7'"):
        run("draw", decode, "utt-7")
    with pytest.raises(UserError, match="no suffix of a drawing"):
        run("draw", decode, "utt-1", "--out", tmp_path / "a.txt")


def test_lattices_go_out_and_come_back(decode, tmp_path):
    done = run("export", decode, tmp_path / "slf")
    assert (done.stdout, done.stderr) == ("", f"{tmp_path / 'slf'}: 3 lattices\n")
    assert "acscale=0.5" in (tmp_path / "slf/utt-0.slf").read_text()
    assert run("import", tmp_path / "slf", tmp_path / "back").stderr == f"{tmp_path / 'back'}: 3 lattices\n"
    for written, read in zip(LatticeArchive(decode / "lattices"), LatticeArchive(tmp_path / "back"), strict=True):
        assert same(written, read)


def test_words_alone_of_some_utterances_can_be_written(decode, tmp_path):
    assert run("export", decode, tmp_path / "slf", "utt-2", "--words", "--beam", 1).exit_code == 0
    assert sorted(path.name for path in (tmp_path / "slf").iterdir()) == ["symbols.json", "utt-2.slf"]
    text = (tmp_path / "slf/utt-2.slf").read_text()
    assert " W=" in text
    assert "unit=" not in text


def test_a_decode_without_lattices_says_so(decode, tmp_path):
    (decode / "lattices").rename(tmp_path / "elsewhere")
    for arguments in (("draw", decode, "utt-1"), ("export", decode, tmp_path / "slf")):
        with pytest.raises(UserError, match="holds no lattices"):
            run(*arguments)


def test_neither_torch_nor_k2_is_needed(decode):
    program = (
        "import sys; from pyspeech.cli import cli; cli(sys.argv[1:], standalone_mode=False); "
        "sys.exit(len({'torch', 'k2', 'lhotse'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", program, "lattice", "draw", str(decode), "utt-1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_last_line_of_oracle_is_the_figure(decode, tmp_path):
    cuts = [{"id": f"utt-{n}", "duration": 0.2, "supervisions": [{"text": "ONE TWO SIX"}]} for n in range(3)]
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(cut) + "\n" for cut in cuts))
    (decode / "hyps.jsonl").write_text("".join(json.dumps({"id": f"utt-{n}", "words": []}) + "\n" for n in range(3)))
    done = run("oracle", tmp_path / "test.jsonl", decode)
    assert done.stdout.startswith("Decoded  WER 100.00 [ 9 / 9, 0 ins, 9 del, 0 sub ] ")
    assert done.stdout.splitlines()[-1].startswith("%ORACLE-WER ")
    assert done.stdout.splitlines()[-1].endswith(str(decode))
    (decode / "lattices").rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="holds no lattices"):
        run("oracle", tmp_path / "test.jsonl", decode)
