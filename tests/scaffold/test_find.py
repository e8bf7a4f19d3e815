"""What is found of small corpora of every kind, and what is asked where they leave a question."""

import unicodedata

import layouts
import numpy as np
import pytest
import soundfile
from lhotse import CutSet
from tones import tone_cuts

from pyspeech.corpora.sources.folder import Folder
from pyspeech.corpora.sources.kaldi import KaldiData
from pyspeech.corpora.sources.lhotse_manifests import LhotseManifests
from pyspeech.corpora.sources.librispeech import LibriSpeech
from pyspeech.corpora.sources.sphinx import Sphinx
from pyspeech.corpora.sources.table import Table
from pyspeech.errors import UserError
from pyspeech.scaffold.brought import Brought
from pyspeech.scaffold.columns import Asked
from pyspeech.scaffold.find import Wanted, find


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def table(folder, head, *rows, file="a.csv", audio=("wavs/a.wav", "wavs/b.wav"), encoding="utf-8"):
    touch(folder, *audio)
    (folder / file).write_text("\n".join([head, *rows]) + "\n", encoding=encoding)
    return folder / file


def found(path, task="recognition", kind="csv", **options):
    return find(Wanted(path, kind, task, **options))


class TestTable:
    def test_a_column_of_ids_names_files_in_a_folder(self, tmp_path):
        path = table(tmp_path, "id,text", "a,one two", "b,two")
        assert found(path).source == Table("a.csv", "wavs/{id}.wav", "{text}", language="")

    def test_a_column_of_files_may_lack_their_ending_and_their_folder(self, tmp_path):
        path = table(tmp_path, "audio,words", "s/a,one", "s/b,two", audio=("clips/s/a.flac", "clips/s/b.flac"))
        assert found(path).source.audio == "clips/{audio}.flac"

    def test_features_by_others_are_files_as_audio_is(self, tmp_path):
        path = table(tmp_path, "features,text", "a.npy,x", "b.npy,y", audio=("a.npy", "b.npy"))
        assert found(path).source.audio == "{features}"
        path = table(tmp_path, "id,text", "c,x", "d,y", file="b.csv", audio=("mfc/c.mfc", "mfc/d.mfc"))
        assert found(path).source.audio == "mfc/{id}.mfc"

    @pytest.mark.parametrize("form", ["NFC", "NFD"])
    def test_names_may_be_as_windows_or_macos_writes_them(self, tmp_path, form):
        audio = [unicodedata.normalize(form, f"clips/{name}.wav") for name in ("é", "ü")]
        path = table(tmp_path, "file,text", "clips\\é.wav,one two", "clips\\ü.wav,two", audio=audio)
        assert found(path).source.audio == "{file}"

    def test_pipes_in_a_csv_are_seen_and_a_first_line_that_names_no_column(self, tmp_path):
        rows = ("\ufeffa | One, two. | One, two.", "b | Two; one | Two; one")
        path = table(tmp_path, *rows)
        result = found(path)
        assert result.source == Table("a.csv", "wavs/{1}.wav", "{3}", header=False, language="")
        assert "columns: 1, 2, ...: the first line is an utterance" in result.decided
        assert found(path, asked=Asked(text="2")).source.text == "{2}"
        path = table(tmp_path, "\ufeffid | text | raw", *(row.strip("\ufeff") for row in rows))
        assert found(path).source == Table("a.csv", "wavs/{id}.wav", "{text}", language="")

    def test_rows_may_be_parts_of_one_file(self, tmp_path):
        path = table(tmp_path, "file,start,stop,text", "a.wav,0,1.5,one two", "a.wav,1.5,2,two", audio=())
        soundfile.write(tmp_path / "a.wav", np.zeros(16000), 8000)
        result = found(path)
        assert result.source == Table("a.csv", "{file}", "{text}", start="{start}", end="{stop}", language="")
        assert "segments: from {start} to {stop}, in seconds" in result.decided
        assert found(path, asked=Asked(times="none")).source == Table("a.csv", "{file}", "{text}", language="")

    @pytest.mark.parametrize(("head", "ending"), [("path,text", ".m4a"), ("id,text", "")])
    def test_audio_of_a_kind_that_is_not_read_is_named(self, tmp_path, head, ending):
        path = table(tmp_path, head, f"a{ending},one", f"b{ending},two", audio=("clips/a.m4a", "clips/b.m4a"))
        with pytest.raises(UserError, match=r"clips/a\.m4a is there, but m4a is not read; convert it: ffmpeg"):
            found(path)

    @pytest.mark.parametrize("heads", ["text,sentence", "sentence,Transcript"])
    def test_two_texts_are_a_question_that_names_both_and_the_option(self, tmp_path, heads):
        path = table(tmp_path, f"id,{heads}", "a,one,ONE", "b,two,TWO")
        first, second = heads.split(",")
        with pytest.raises(UserError, match=f"{first} and {second} may each be the text; choose one by --text COLUMN"):
            found(path)
        assert found(path, asked=Asked(text=second)).source.text == f"{{{second}}}"

    def test_a_text_of_another_name_is_the_column_of_several_words(self, tmp_path):
        path = table(tmp_path, "id,said", "a,one two", "b,two one")
        assert found(path).source.text == "{said}"
        path = table(tmp_path, "id,said", "a,one", "b,two")
        with pytest.raises(UserError, match="no column is surely the text; the table has id, said; name one by --text"):
            found(path)

    @pytest.mark.parametrize("speaker", ["speaker", "Speaker ID", "client_id", "spk"])
    @pytest.mark.parametrize("split", ["split", "subset", "fold"])
    def test_speakers_and_splits_go_by_usual_names(self, tmp_path, speaker, split):
        path = table(tmp_path, f"id,text,{speaker},{split}", "a,one,ann,TRAIN", "b,two,bob,Validation")
        result = found(path)
        assert (result.source.speaker, result.source.split) == (f"{{{speaker}}}", f"{{{split}}}")
        assert result.utterances == 1

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
    def test_semicolons_and_a_byte_order_mark_are_seen_through(self, tmp_path, encoding):
        path = table(tmp_path, "id;text", "a;one, two", "b;two, one", encoding=encoding)
        assert found(path).source == Table("a.csv", "wavs/{id}.wav", "{text}", language="")

    def test_tables_beside_are_the_other_splits(self, tmp_path):
        for name in ("train", "valid", "test", "other"):
            table(tmp_path, "id\ttext", "a\tone", "b\ttwo", file=f"{name}.tsv")
        result = found(tmp_path / "train.tsv", kind="tsv")
        assert result.source == Table("{split}.tsv", "wavs/{id}.wav", "{text}", language="")
        assert (result.utterances, "split: one table each" in result.decided) == (2, True)
        assert found(tmp_path / "other.tsv", kind="tsv").source.file == "other.tsv"
        with pytest.raises(UserError, match=r"--split id: beside train\.tsv are tables of other splits"):
            found(tmp_path / "train.tsv", kind="tsv", asked=Asked(split="id"))

    def test_a_table_of_one_of_several_tests_is_beside_too(self, tmp_path):
        for name in ("train", "test_clean", "speakers"):
            table(tmp_path, "id\ttext", "a\tone", "b\ttwo", file=f"{name}.tsv")
        assert found(tmp_path / "train.tsv", kind="tsv").source.file == "{split}.tsv"

    def test_a_table_of_train_alone_is_divided(self, tmp_path):
        audio = [f"{number}.wav" for number in range(10)]
        path = table(tmp_path, "file,text", *(f"{file},one" for file in audio), file="train.csv", audio=audio)
        result = found(path)
        assert (result.source.file, result.utterances) == ("train.csv", 8)
        assert "split: a tenth each is held out for dev and test" in result.decided

    @pytest.mark.parametrize("name", ["label", "Emotion", "word", "text"])
    def test_the_label_goes_by_usual_names_and_stays_as_it_is(self, tmp_path, name):
        path = table(tmp_path, f"id,{name}", "a,yes", "b,no")
        assert found(path, "classification").source == Table(
            "a.csv", "wavs/{id}.wav", f"{{{name}}}", task="classification"
        )

    def test_a_label_is_not_guessed(self, tmp_path):
        path = table(tmp_path, "id,said", "a,one two", "b,two one")
        with pytest.raises(
            UserError, match="no column is surely the label; the table has id, said; name one by --text"
        ):
            found(path, "classification")

    def test_sentences_are_no_labels(self, tmp_path):
        path = table(tmp_path, "id,text", "a,one two", "b,two one", "c,two one", audio=("a.wav", "b.wav", "c.wav"))
        with pytest.raises(UserError, match="the column text has 2 different values in 3 rows, which are no labels"):
            found(path, "classification")

    def test_verification_needs_speakers_and_no_text(self, tmp_path):
        path = table(tmp_path, "id,text,spk", "a,one,ann", "b,two,bob")
        source = Table("a.csv", "wavs/{id}.wav", speaker="{spk}", task="verification")
        assert found(path, "verification").source == source
        path = table(tmp_path, "id,text", "a,one", "b,two")
        with pytest.raises(UserError, match=r"no column is surely the speaker; .* --speaker COLUMN"):
            found(path, "verification")

    def test_without_rows_there_is_nothing_to_look_at(self, tmp_path):
        with pytest.raises(UserError, match="has no row below its first line"):
            found(table(tmp_path, "id,text"))


class TestCommonVoice:
    def make(self, folder, language="de"):
        touch(folder, f"{language}/clips/a.mp3")
        for split in ("train", "dev", "test", "validated"):
            path = folder / language / f"{split}.tsv"
            path.write_text("client_id\tpath\tsentence\nx\ta.mp3\tHallo.\n")
        return folder / language

    def test_its_folder_is_its_language(self, tmp_path):
        result = found(self.make(tmp_path), kind="commonvoice")
        assert result.source == Table("{split}.tsv", "clips/{path}", "{sentence}", "{client_id}", language="de")
        assert (result.language, result.utterances) == ("de", 1)

    def test_it_verifies_with_speakers_of_train(self, tmp_path):
        source = found(self.make(tmp_path), "verification", "commonvoice").source
        assert source == Table("train.tsv", "clips/{path}", "", "{client_id}", task="verification")

    def test_it_has_no_labels(self, tmp_path):
        with pytest.raises(UserError, match="Common Voice has no labels"):
            found(self.make(tmp_path), "classification", "commonvoice")

    def test_the_folder_above_is_not_one_language(self, tmp_path):
        self.make(tmp_path)
        with pytest.raises(UserError, match=r"no table at .*train\.tsv"):
            found(tmp_path, kind="commonvoice")


class TestFolder:
    def test_the_one_folder_above_all_speakers_is_the_root(self, tmp_path):
        touch(tmp_path, *(f"wav/id{n}/x{n}/0000{take}.wav" for n in range(3) for take in range(5)))
        result = found(tmp_path, "verification", "folder")
        assert result.source == Folder("verification", "wav")
        assert (result.utterances, "audio: below wav" in result.decided) == (12, True)

    def test_a_split_is_no_root(self, tmp_path):
        touch(tmp_path, "train/yes/a.wav", "train/no/a.wav")
        assert found(tmp_path, "classification", "folder").source == Folder("classification")

    def test_a_single_label_is_no_root(self, tmp_path):
        touch(tmp_path, "yes/a.wav", "yes/b.wav", "_noise_/a.wav")
        assert found(tmp_path, "classification", "folder").source == Folder("classification")

    def test_texts_beside_become_words(self, tmp_path):
        touch(tmp_path, "all/a.wav", "all/a.txt")
        source = found(tmp_path, kind="folder", language="en-us").source
        assert source == Folder("recognition", language="en-us")


class TestOthers:
    def test_librispeech_is_the_parts_that_are_there(self, tmp_path):
        layouts.librispeech(tmp_path, ("train-clean-100", "train-other-500", "test-other"), count=3)
        result = found(tmp_path, kind="librispeech")
        assert result.source == LibriSpeech(("train-clean-100", "train-other-500"), (), ("test-other",))
        assert "dev: a tenth of the speakers" in result.decided
        assert (result.utterances, result.language) == (60, "en-us")

    def test_librispeech_has_something_to_train_and_to_test_on(self, tmp_path):
        touch(tmp_path, "train-clean-5/x", "dev-clean/x")
        with pytest.raises(UserError, match=r"no part train-\* or none test-\*; found dev-clean, train-clean-5"):
            found(tmp_path, kind="librispeech")
        touch(tmp_path, "test-clean/x")
        with pytest.raises(UserError, match="for verification use --from folder with one part"):
            found(tmp_path, "verification", "librispeech")

    def test_sphinx_says_which_list_is_which_and_what_dictionary_there_is(self, tmp_path):
        layouts.an4(tmp_path, train=3, test=2)
        (tmp_path / "etc/an4.dic").write_text("ASH AE SH\n")
        result = found(tmp_path, kind="sphinx")
        assert (result.source, result.utterances, result.language) == (Sphinx(), 3, "")
        assert result.decided == (
            "train: etc/an4_train.fileids",
            "test: etc/an4_test.fileids",
            "text: as it is",
            f"lexicon: none; the corpus brings one: --lexicon-file {tmp_path}/etc/an4.dic",
        )
        brought = Brought(lexicon=tmp_path / "x")
        assert not any("lexicon" in line for line in found(tmp_path, kind="sphinx", brought=brought).decided)
        with pytest.raises(UserError, match="for verification use --from folder with wav/"):
            found(tmp_path, "verification", kind="sphinx")

    def test_the_largest_kaldi_directory_trains(self, tmp_path):
        for split, count in (("train", 5), ("test", 2)):
            touch(tmp_path, f"data/{split}/wav.scp")
            (tmp_path / "data" / split / "wav.scp").write_text("".join(f"u{n} u{n}.wav\n" for n in range(count)))
        result = found(tmp_path, kind="kaldi", allow_pipes=True)
        assert (result.source, result.utterances) == (KaldiData(allow_pipes=True), 5)
        assert found(tmp_path, "verification", kind="kaldi").source == KaldiData(task="verification")

    def test_lhotse_manifests_say_all_themselves(self, tmp_path):
        CutSet.from_cuts(tone_cuts(tmp_path / "audio", 20)).to_file(tmp_path / "cuts_all.jsonl.gz")
        result = found(tmp_path, kind="lhotse")
        assert result.source == LhotseManifests()
        assert found(tmp_path, "classification", kind="lhotse").source == LhotseManifests("classification")
        assert result.source.splits(result.folder) == ("train", "dev", "test")


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("folder", {"asked": Asked(text="x")}, "those of times are for tables, not for --from folder"),
        ("folder", {"allow_pipes": True}, "--allow-pipes is for --from kaldi, not for --from folder"),
        ("tsv", {}, "table"),
    ],
)
def test_options_of_other_kinds_are_refused(tmp_path, kind, options, message):
    with pytest.raises(UserError, match=message):
        found(tmp_path, kind=kind, **options)


def test_a_file_is_no_folder_and_a_path_stands_in_a_script(tmp_path):
    path = table(tmp_path, "id,text", "a,b")
    with pytest.raises(UserError, match="is a file; --from folder needs a folder"):
        found(path, kind="folder")
    (tmp_path / "a\nb").mkdir()
    with pytest.raises(UserError, match="cannot stand in a script; rename the folder"):
        found(tmp_path / "a\nb", kind="folder")


def test_the_source_that_was_found_reads_features(tmp_path):
    for number in range(3):
        np.save(tmp_path / f"{number}.npy", np.zeros((10, 4), np.float32))
    rows = (f"{number},{number}.npy,one,{split}" for number, split in enumerate(("train", "dev", "test")))
    result = found(table(tmp_path, "id,file,text,split", *rows, audio=()))
    (cut,) = result.source.cuts(result.folder, "train")
    assert cut.duration == pytest.approx(0.1)


def test_a_folder_whose_texts_stand_in_a_table_is_told_of_it(tmp_path):
    tone_cuts(tmp_path / "wavs", 3)
    (tmp_path / "README.txt").write_text("read me")
    (tmp_path / "metadata.csv").write_text("file,text\nutt000,LOW\n")
    with pytest.raises(UserError, match=r"\(.txt or .lab\), but metadata.csv may hold them; use --from csv .*metadata"):
        find(Wanted(tmp_path, "folder", "recognition"))
    (tmp_path / "wavs" / "utt000.TXT").write_text("LOW")
    assert find(Wanted(tmp_path, "folder", "recognition")).source == Folder("recognition", "", "")
