import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tones import write_tones

from pyspeech.corpora.sources.table import Table
from pyspeech.errors import UserError

CORPORA = Path(os.environ.get("PYSPEECH_CORPORA", "/nowhere"))
with_corpora = pytest.mark.skipif(not CORPORA.is_dir(), reason="PYSPEECH_CORPORA names no folder of corpora")
TABLE = Table("a.tsv", audio="{id}.wav", text="{text}")


def corpus(folder, tables, audio=()):
    """Tables by name, their columns parted by spaces; every file of ``audio`` is made."""
    for name, text in tables.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text.replace(" ", "\t"))
    for path in audio:
        write_tones(folder / path, [])
    return folder


def rows(count, first="id text", split=""):
    return "\n".join([first, *(f"{split}{number:02d} t{split}{number}" for number in range(count))]) + "\n"


def ids(source, folder):
    return {split: [cut.id for cut in source.cuts(folder, split)] for split in source.splits(folder)}


def spoken(source, folder, split="train"):
    return [(cut.id, s.text, s.speaker) for cut in source.cuts(folder, split) for s in cut.supervisions]


def test_utterances_are_put_together_from_columns_of_any_name(tmp_path):
    table = "n°\tclip path\tThe {text\tx.y[0]\tset\n1\ta.wav\tLow  high\tann\tTraining\n"
    corpus(tmp_path, {}, ["sub/audio/a.wav"])
    (tmp_path / "sub" / "b.tsv").write_text(table)
    source = Table(
        "sub/b.tsv",
        audio="audio/{clip path}",
        text="{clip path} {x.y[0]}",
        speaker="S-{x.y[0]}",
        split="{set}",
        id="u{n°}",
    )
    with pytest.raises(UserError, match="cannot hold"):
        source.splits(tmp_path)
    (tmp_path / "sub" / "b.tsv").write_text(f"{table}2\ta.wav\tb\tc\tVALID\n3\ta.wav\t\tc\ttest\n")
    assert source.splits(tmp_path) == ("train", "dev", "test")
    assert spoken(source, tmp_path) == [("u1", "a.wav ann", "S-ann")]


def test_rows_keep_their_order_and_their_empty_texts(tmp_path):
    lines = "file\ttext\tsplit\nb\tLOW\ttrain\na\t\ttrain\nc\tx\tdev\nd\tx\ttest\n"
    corpus(tmp_path, {"a.tsv": lines}, [f"{name}.wav" for name in "abcd"])
    source = Table("a.tsv", audio="{file}.wav", text="{text}", split="{split}", speaker="LJ")
    assert spoken(source, tmp_path) == [("b", "LOW", "LJ"), ("a", "", "LJ")]


def test_a_language_makes_words_of_the_texts(tmp_path):
    text = "id\ttext\tsplit\na\tMr. Bell, 2\ttrain\nb\tx\tdev\nc\tx\ttest\n"
    corpus(tmp_path, {}, ["a.wav"])
    (tmp_path / "a.tsv").write_text(text)
    for language, words in ((None, "Mr. Bell, 2"), ("", "MR BELL 2"), ("en-us", "MISTER BELL TWO")):
        source = Table("a.tsv", audio="{id}.wav", text="{text}", split="{split}", language=language)
        assert spoken(source, tmp_path) == [("a", words, "")]


def test_what_of_the_texts_is_not_surely_said_is_told_once(tmp_path, capsys):
    text = "id\ttext\tsplit\na\tUm 8 Uhr kam 1 Hund.\ttrain\nb\t1 Hund\tdev\nc\t20 %\ttest\n"
    corpus(tmp_path, {}, ["a.wav"])
    (tmp_path / "a.tsv").write_text(text)
    source = Table("a.tsv", audio="{id}.wav", text="{text}", split="{split}", language="de")
    assert source.splits(tmp_path) == ("train", "dev", "test")
    assert spoken(source, tmp_path) == [("a", "UM ACHT UHR KAM 1 HUND", "")]
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert f"{tmp_path / 'a.tsv'}: numbers, symbols or abbreviations stay as they are written, 2 in all" in told
    assert "1 Hund (2)" in told


def test_audio_may_lie_anywhere(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    corpus(tmp_path, {}, ["home/a.wav", "else/b.wav"])
    (tmp_path / "c").mkdir()
    lines = [("~/home/a.wav", "train"), (str(tmp_path / "else/b.wav"), "dev"), ("../else/b.wav", "test")]
    (tmp_path / "c" / "a.csv").write_text("path,split,id\n" + "".join(f"{p},{s},{s}\n" for p, s in lines))
    source = Table("a.csv", audio="{path}", id="{id}", split="{split}")
    assert ids(source, tmp_path / "c") == {"train": ["train"], "dev": ["dev"], "test": ["test"]}


def test_without_splits_a_tenth_is_held_out_for_dev_and_for_test(tmp_path):
    corpus(tmp_path, {"a.tsv": rows(30)}, [f"{number:02d}.wav" for number in range(30)])
    found = ids(TABLE, tmp_path)
    assert {split: len(names) for split, names in found.items()} == {"train": 24, "dev": 3, "test": 3}
    assert sorted(name for names in found.values() for name in names) == [f"{number:02d}" for number in range(30)]


def test_tables_of_train_dev_and_test_are_taken_and_no_others(tmp_path):
    names = ("train", "validation", "Test", "validated", "other")
    corpus(tmp_path, {f"cv[1]/{name}.tsv": rows(2, split=name) for name in names})
    corpus(tmp_path, {}, [f"cv[1]/{name}0{number}.wav" for name in names for number in range(2)])
    found = ids(Table("cv[1]/{split}.tsv", audio="{id}.wav", text="{split}"), tmp_path)
    assert found == {
        name: [f"{file}00", f"{file}01"] for name, file in zip(("train", "dev", "test"), names, strict=False)
    }


@pytest.mark.parametrize("other", ["speakers", "README"])
def test_without_one_of_the_three_the_others_are_taken(tmp_path, other):
    names = {"train": 20, "test-a": 1, other: 1}
    corpus(tmp_path, {f"{name}/a.tsv": rows(count, split=name) for name, count in names.items()})
    source = Table("{split}/a.tsv", audio="../audio/{id}.wav", text="{text}")
    assert source.splits(tmp_path) == ("train", "dev", "test-a")


def test_what_stands_before_an_underscore_names_a_result_so_a_split_has_none(tmp_path):
    corpus(tmp_path, {f"{name}.tsv": rows(count, split=name) for name, count in (("train", 20), ("test_clean", 1))})
    source = Table("{split}.tsv", audio="{id}.wav", text="{text}")
    assert source.splits(tmp_path) == ("train", "dev", "test-clean")
    lines = ["id\ttext\tpart", *(f"{n}\tt{n}\ttrain" for n in range(20)), "t\tt\ttest_other_b", "d\td\tdev_x"]
    (tmp_path / "a.tsv").write_text("\n".join(lines))
    assert replace(TABLE, split="{part}").splits(tmp_path) == ("train", "dev", "test-other-b")


def test_labels_are_in_every_split(tmp_path):
    lines = [
        "id text",
        *(f"{n:02d} {'yes' if n % 2 else 'no'}" for n in range(12)),
        *(f"r{n} rare{n}" for n in range(9)),
    ]
    corpus(tmp_path, {"a.tsv": "\n".join(lines)}, [f"{n:02d}.wav" for n in range(12)] + [f"r{n}.wav" for n in range(9)])
    source = replace(TABLE, task="classification")
    for split in source.splits(tmp_path):
        assert {"yes", "no"} <= {text for _, text, _ in spoken(source, tmp_path, split)}


def test_a_split_that_would_be_a_command_is_refused(tmp_path):
    corpus(tmp_path, {}, [])
    (tmp_path / "a.tsv").write_text("id\ttext\tset\n1\tx\ttrain\n2\ty\ttest-a;touch${IFS}pwned;echo\n")
    with pytest.raises(UserError, match=r"a\.tsv, line 3: 'test-a;touch.*' cannot name a split"):
        replace(TABLE, split="{set}").splits(tmp_path)


def test_a_table_that_changed_is_read_again(tmp_path):
    corpus(tmp_path, {"a.tsv": rows(20)}, ["00.wav"])
    source = Table("a.tsv", audio="00.wav", id="{id}", text="{text}")
    assert {name[0] for names in ids(source, tmp_path).values() for name in names} == {"0", "1"}
    corpus(tmp_path, {"a.tsv": rows(20, split="x")})
    assert {name[0] for names in ids(source, tmp_path).values() for name in names} == {"x"}


def test_a_table_without_rows_is_no_split(tmp_path):
    corpus(tmp_path, {"train.tsv": rows(20), "dev.tsv": rows(0), "test.tsv": rows(1, split="x")})
    found = Table("{split}.tsv", audio="{id}.wav", text="{text}").splits(tmp_path)
    assert found == ("train", "dev", "test")


def test_missing_audio_is_named(tmp_path):
    corpus(tmp_path, {"a.tsv": rows(9)}, [f"{number:02d}.wav" for number in range(1, 9, 2)])
    with pytest.raises(UserError, match=r"train: \d of \d utterances cannot be used: .*\.wav: No such file .* \| "):
        ids(TABLE, tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": "{txt}"}, r"text='\{txt\}': the first line of .*a\.tsv.* has no 'txt'; did you mean 'text'"),
        ({"audio": "{twice}"}, "has 'twice' twice"),
        ({"file": "b.tsv"}, r"no table at .*b\.tsv"),
        ({"file": "{split}/b.tsv"}, r"no table .*\{split\}/b\.tsv for any split"),
        ({"file": "{split}.tsv", "split": "{id}"}, "both name the split"),
        ({"split": "{path}"}, r"a\.tsv, line 2: '\.\./x' cannot name a split"),
        ({"split": "{empty}"}, r"a\.tsv, line 2: '' cannot name a split"),
        ({"audio": "{empty}"}, r"a\.tsv, line 2 names no audio file"),
        ({"id": "{text}"}, "two utterances have the id 't'"),
        ({"file": "header.tsv"}, "has no row below its first line"),
        ({"file": "nothing.tsv"}, r"nothing\.tsv, which must name its columns, has no 'id'"),
    ],
)
def test_what_does_not_fit_the_table_is_refused(tmp_path, change, message):
    lines = "id\ttext\tpath\tempty\ttwice\ttwice\n1\tt\t../x\t\ta\ta\n2\tt\t../x\t\ta\ta\n"
    corpus(tmp_path, {"a.tsv": lines, "header.tsv": "id text\n", "nothing.tsv": ""})
    with pytest.raises(UserError, match=message):
        Table(**({"file": "a.tsv", "audio": "{id}.wav", "text": "{text}"} | change)).splits(tmp_path)


@with_corpora
def test_kathleen_is_read_as_its_readme_says():
    source = Table("utterances.tsv", audio="audio/{id}.flac", text="{text}", split="{split}", language="en-us")
    assert source.splits(CORPORA / "kathleen") == ("train", "dev", "test")
    assert len(list(source.cuts(CORPORA / "kathleen", "dev"))) == 60
    assert spoken(source, CORPORA / "kathleen", "test")[0] == ("arctic_a0005", "WILL WE EVER FORGET IT", "")


@with_corpora
def test_arabic_commands_are_read_as_their_readme_says():
    source = Table("utterances.tsv", audio="{file}", text="{word}", speaker="{speaker}", split="{split}")
    found = spoken(source, CORPORA / "arabic_speech_commands", "dev")
    assert len(found) == 180
    assert (len({text for _, text, _ in found}), len({speaker for *_, speaker in found})) == (10, 6)


class TestSpans:
    """Several rows may be parts of one file."""

    def corpus(self, folder, head, rows):
        write_tones(folder / "a.wav", ["LOW", "MID"])
        lines = [f"{head},split", *(f"{row},train" for row in rows), f"{rows[0]},dev", f"{rows[0]},test"]
        (folder / "a.csv").write_text("\n".join(lines) + "\n")

    @pytest.mark.parametrize(
        ("times", "rows"),
        [
            ("seconds", ["0.1,0.25", "0.25,0.5"]),
            ("seconds", ["0:0.1,0:00:0.25", '"0,25","0,5"']),
            ("milliseconds", ["100,250", "250,500"]),
            ("samples", ["1600,4000", "4000,8000"]),
        ],
    )
    def test_rows_are_parts_of_their_file(self, tmp_path, times, rows):
        self.corpus(tmp_path, "start,stop", rows)
        rate = soundfile.info(tmp_path / "a.wav").samplerate
        if times == "samples":
            rows = [",".join(str(int(float(n) * rate / 16000)) for n in row.split(",")) for row in rows]
            self.corpus(tmp_path, "start,stop", rows)
        source = Table(
            "a.csv", "a.wav", split="{split}", start="{start}", end="{stop}", times=times, id="{split}{start}"
        )
        cuts = list(source.cuts(tmp_path, "train"))
        assert [(cut.start, round(cut.end, 6)) for cut in cuts] == [(0.1, 0.25), (0.25, 0.5)]
        assert all(cut.supervisions[0].duration == cut.duration for cut in cuts)

    def test_a_length_is_as_good_as_an_end_and_ids_hold_the_times(self, tmp_path):
        for name in "ab":
            write_tones(tmp_path / f"{name}.wav", ["LOW", "MID"])
        lines = ["file,text,offset,duration", "a.wav,x,0,0.2", "a.wav,y,0.2,0.25", "b.wav,z,0.1,0.2"]
        lines += [f"a.wav,t{n},{0.01 * n},0.1" for n in range(10)]
        (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
        source = Table("a.csv", "{file}", "{text}", start="{offset}", duration="{duration}")
        found = {
            cut.id: (cut.start, cut.duration)
            for split in source.splits(tmp_path)
            for cut in source.cuts(tmp_path, split)
        }
        assert len(found) == 13
        assert {name: found[name] for name in ("a-0-0.2", "a-0.2-0.45", "b-0.1-0.3")} == {
            "a-0-0.2": (0, 0.2),
            "a-0.2-0.45": (0.2, 0.25),
            "b-0.1-0.3": (0.1, 0.2),
        }

    @pytest.mark.parametrize(
        ("row", "options", "message"),
        [
            ("x,0.5", {}, r"a\.csv, line 2: 'x' is no time"),
            ("-1,0.5", {}, "'-1' is no time"),
            ("nan,0.5", {}, "'nan' is no time"),
            ("0.5,0.5", {}, "line 2: an utterance from 0.5 to 0.5 seconds holds nothing"),
            ("0,90", {}, "is 0.0 to 90.000 seconds of recording 'a', which holds"),
            ("0,0.5", {"end": ""}, "goes with an end or a duration"),
            ("0,0.5", {"duration": "{stop}"}, "one of them"),
            ("0,0.5", {"end": "{end}"}, r"end='\{end\}': the first line .* has no 'end'"),
        ],
    )
    def test_times_that_cannot_be_are_named(self, tmp_path, row, options, message):
        self.corpus(tmp_path, "start,stop", [row])
        given = {"start": "{start}", "end": "{stop}", "split": "{split}", "id": "{split}", **options}
        with pytest.raises(UserError, match=message):
            ids(Table("a.csv", "a.wav", **given), tmp_path)

    def test_of_features_no_parts_are_read(self, tmp_path):
        np.save(tmp_path / "a.npy", np.zeros((90, 4), np.float32))
        self.corpus(tmp_path, "start,stop", ["0,0.5"])
        source = Table("a.csv", "a.npy", split="{split}", start="{start}", end="{stop}", id="{split}")
        with pytest.raises(UserError, match=r"a\.npy holds features, of which no spans are read"):
            list(source.cuts(tmp_path, "dev"))

    def test_two_rows_of_one_file_without_times_say_what_is_lacking(self, tmp_path):
        self.corpus(tmp_path, "start,stop", ["0,0.5"])
        with pytest.raises(UserError, match=r"two rows name the file .*a\.wav; .* name the columns of their times"):
            Table("a.csv", "a.wav", split="{split}").splits(tmp_path)


def test_a_table_whose_first_line_is_an_utterance_has_numbers_for_columns(tmp_path):
    for name in "abc":
        write_tones(tmp_path / f"{name}.wav", [])
    (tmp_path / "a.csv").write_text("\ufeffa|One; two|train\nb|Three|dev\nc|Four|test\n")
    source = Table("a.csv", "{1}.wav", "{2}", split="{3}", header=False, language="")
    assert spoken(source, tmp_path) == [("a", "ONE TWO", "")]
    with pytest.raises(UserError, match=r"text='\{4\}'.* has no '4'"):
        replace(source, text="{4}").splits(tmp_path)


def test_marks_are_no_words_and_utterances_of_marks_alone_are_left_out_and_told(tmp_path, capsys):
    texts = ["[laughter] one <unk>", "(inaudible)", "two", "[noise]", "three [Oswald]", "{noise}"]
    for number in range(len(texts)):
        write_tones(tmp_path / f"{number}.wav", [])
    splits = ["train", "train", "dev", "test", "test", "test"]
    lines = [f"{n}\t{text}\t{split}" for n, (text, split) in enumerate(zip(texts, splits, strict=True))]
    (tmp_path / "a.tsv").write_text("\n".join(["id\ttext\tsplit", *lines]) + "\n")
    source = Table("a.tsv", "{id}.wav", "{text}", split="{split}", language="en-us")
    assert spoken(source, tmp_path) == [("0", "ONE", "")]
    assert spoken(source, tmp_path, "test") == [("4", "THREE OSWALD", "")]
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith(
        "a.tsv: marks that are no words, left out of the texts: "
        "[laughter] 1, <unk> 1, (inaudible) 1, [noise] 1, {noise} 1"
    )
    assert second.endswith("left out 3 utterances of nothing but such marks: 1.wav, 3.wav, 5.wav")
    assert [text for _, text, _ in spoken(replace(source, language=None), tmp_path)] == texts[:2]
    assert not capsys.readouterr().err


def test_audio_that_no_row_names_and_tables_of_no_split_are_told(tmp_path, capsys):
    for name in "abcdef":
        write_tones(tmp_path / "clips" / f"{name}.wav", ["LOW"])
    for split, name in zip(("train", "dev", "test", "other"), "abcd", strict=True):
        (tmp_path / f"{split}.tsv").write_text(f"path\ttext\n{name}.wav\tword\n")
    assert Table("{split}.tsv", "clips/../clips/{path}", "{text}").splits(tmp_path) == ("train", "dev", "test")
    assert capsys.readouterr().err.splitlines() == [
        f"{tmp_path}: left out 1 tables that are called as no split of train, dev or test: other.tsv",
        f"{tmp_path}: left out 3 files of audio that no row names: d.wav, e.wav, f.wav",
    ]
