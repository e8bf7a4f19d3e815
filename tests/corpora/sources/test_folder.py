import pytest
import soundfile
from tones import write_tones

from pyspeech.corpora.sources.folder import Folder, audio_paths
from pyspeech.errors import UserError


def corpus(folder, *paths):
    for path in paths:
        write_tones(folder / path, [])
    return folder


def found(source, folder):
    """Per split, the triples (id, text, speaker)."""
    return {
        split: [(cut.id, s.text, s.speaker) for cut in source.cuts(folder, split) for s in cut.supervisions]
        for split in source.splits(folder)
    }


def several(source, folder, place):
    """Per split, the different values at a place of the triples."""
    return {split: {triple[place] for triple in triples} for split, triples in found(source, folder).items()}


def test_the_top_folder_is_the_label(tmp_path):
    corpus(tmp_path, *(f"{label}/deep/{take}.wav" for label in ("yes", "no") for take in range(10)))
    corpus(tmp_path, "_background_noise_/a.wav", ".cache/a.wav", "yes/._1.wav")
    (tmp_path / "yes" / "notes.md").write_text("no audio")
    labels = several(Folder("classification"), tmp_path, 1)
    assert labels == {split: {"yes", "no"} for split in ("train", "dev", "test")}
    assert sum(map(len, found(Folder("classification"), tmp_path).values())) == 20


def test_the_lists_of_speech_commands_are_honoured(tmp_path):
    names = [f"{label}/{speaker}_nohash_0.wav" for label in ("yes", "no") for speaker in ("ann", "bob", "cy", "di")]
    corpus(tmp_path, *names, "_background_noise_/a.wav")
    (tmp_path / "validation_list.txt").write_text("yes/bob_nohash_0.wav\nno/bob_nohash_0.wav\n")
    (tmp_path / "testing_list.txt").write_text("yes/cy_nohash_0.wav\nno/cy_nohash_0.wav\n")
    assert several(Folder("classification"), tmp_path, 2) == {"train": {"ann", "di"}, "dev": {"bob"}, "test": {"cy"}}
    assert found(Folder("classification"), tmp_path)["dev"][0] == ("no-bob_nohash_0", "no", "bob")


def test_lists_that_name_no_file_are_refused(tmp_path):
    corpus(tmp_path, "yes/a.wav")
    (tmp_path / "testing_list.txt").write_text("jes/a.wav\n")
    with pytest.raises(UserError, match=r"testing_list\.txt names no audio file"):
        Folder("classification").splits(tmp_path)


@pytest.mark.parametrize(("task", "place"), [("classification", 1), ("verification", 2)])
def test_folders_called_for_splits_are_the_splits(tmp_path, task, place):
    corpus(tmp_path, "Training/x/1.wav", "Training/y/2.wav", "valid/w/3.wav", "eval/z/4.wav")
    assert several(Folder(task), tmp_path, place) == {"train": {"x", "y"}, "dev": {"w"}, "test": {"z"}}


def test_a_top_folder_may_be_one_of_several_tests(tmp_path):
    corpus(tmp_path, *(f"train/{label}/{take}.wav" for label in "xy" for take in range(5)))
    corpus(tmp_path, "test_clean/x/7.wav", "eval.other/y/8.wav")
    labels = several(Folder("classification"), tmp_path, 1)
    assert list(labels) == ["train", "dev", "test-clean", "test-other"]
    assert (labels["test-clean"], labels["test-other"]) == ({"x"}, {"y"})


def test_a_folder_that_can_name_no_split_is_refused(tmp_path):
    corpus(tmp_path, "train/x/1.wav", "test/x/1.wav", "x;echo/x/1.wav")
    with pytest.raises(UserError, match="'x;echo' cannot name a split"):
        Folder("classification").splits(tmp_path)


def test_one_folder_called_train_holds_all_splits(tmp_path):
    corpus(tmp_path, *(f"train/{label}/{take}.wav" for label in "xy" for take in range(5)))
    assert several(Folder("classification"), tmp_path, 1) == {split: {"x", "y"} for split in ("train", "dev", "test")}


def test_a_label_called_train_is_a_label(tmp_path):
    corpus(tmp_path, *(f"{label}/{take}.wav" for label in ("bus", "train") for take in range(5)))
    assert several(Folder("classification"), tmp_path, 1)["test"] == {"bus", "train"}


def test_speakers_to_verify_are_divided(tmp_path):
    paths = [f"wav/id{speaker:05d}/abc{session}/00001.wav" for speaker in range(6) for session in range(4)]
    corpus(tmp_path, *paths)
    speakers = several(Folder("verification", root="wav"), tmp_path, 2)
    assert {split: len(names) for split, names in speakers.items()} == {"train": 2, "dev": 2, "test": 2}
    assert len(set.union(*speakers.values())) == 6
    assert several(Folder("verification", root="wav"), tmp_path, 1)["train"] == {""}
    ids = {id_ for triples in found(Folder("verification", root="wav"), tmp_path).values() for id_, *_ in triples}
    assert "id00003-abc2-00001" in ids


@pytest.mark.parametrize("task", ["classification", "verification"])
def test_audio_in_no_folder_has_no_name(tmp_path, task):
    corpus(tmp_path, "a.wav", "b.wav", *(f"{name}/{take}.wav" for name in "uvwxy" for take in range(2)))
    with pytest.raises(UserError, match=r"[ab]\.wav lies in no folder that would name its label or speaker"):
        found(Folder(task), tmp_path)


def transcribed(folder, *paths):
    corpus(folder, *paths)
    for path in paths:
        (folder / path).with_suffix(".txt").write_text(f"\ufeffText of\n{path.replace('/', ' ')}.\n", encoding="utf-8")


def test_a_text_file_beside_the_audio_is_what_was_said(tmp_path):
    transcribed(tmp_path, "train/ann/a.WAV", "train/bob/b.wav", "dev/ann/c.wav", "test/d.wav")
    (tmp_path / "test" / "d.txt").rename(tmp_path / "test" / "d.lab")
    assert found(Folder("recognition"), tmp_path) == {
        "train": [("a", "Text of train ann a.WAV.", "ann"), ("b", "Text of train bob b.wav.", "bob")],
        "dev": [("c", "Text of dev ann c.wav.", "ann")],
        "test": [("d", "Text of test d.wav.", "")],
    }
    assert found(Folder("recognition", language="en"), tmp_path)["test"] == [("d", "TEXT OF TEST D WAV", "")]


def test_what_of_the_texts_is_not_surely_said_is_told_once(tmp_path, capsys):
    transcribed(tmp_path, "train/ann/a.wav", "dev/ann/b.wav", "test/ann/c.wav")
    (tmp_path / "test" / "ann" / "c.txt").write_text("20 % von 1 Hund")
    assert found(Folder("recognition", language="de"), tmp_path)["test"] == [("c", "ZWANZIG PROZENT VON 1 HUND", "")]
    assert "abbreviations stay as they are written, 1 in all" in capsys.readouterr().err


def test_a_folder_that_holds_everything_is_no_speaker(tmp_path):
    transcribed(tmp_path, *(f"wavs/{number}.wav" for number in range(12)))
    assert several(Folder("recognition"), tmp_path, 2) == {split: {""} for split in ("train", "dev", "test")}


def test_audio_without_a_text_is_told_of(tmp_path, capsys):
    transcribed(
        tmp_path, *(f"{split}/{split}{number}.wav" for split in ("train", "dev", "test") for number in range(12))
    )
    (tmp_path / "train" / "train3.txt").unlink()
    assert {split: len(triples) for split, triples in found(Folder("recognition"), tmp_path).items()} == {
        "train": 11, "dev": 12, "test": 12
    }  # fmt: skip
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert "train3.wav has no text beside it (.txt or .lab)" in told[0]
    assert told[1] == "train: left out 1 of 12 utterances, which cannot be used"
    (tmp_path / "dev" / "dev3.txt").write_bytes(b"\xff")
    with pytest.raises(UserError, match=r"dev3\.txt, line 1 is not UTF-8"):
        found(Folder("recognition"), tmp_path)


def test_folders_may_be_links(tmp_path):
    corpus(tmp_path / "elsewhere", *(f"{name}/{take}.wav" for name in "xy" for take in range(5)))
    (tmp_path / "corpus").mkdir()
    for name in "xy":
        (tmp_path / "corpus" / name).symlink_to(tmp_path / "elsewhere" / name)
    assert several(Folder("classification"), tmp_path / "corpus", 1)["test"] == {"x", "y"}


def test_links_in_a_circle_are_followed_once(tmp_path):
    corpus(tmp_path, *(f"{name}/{take}.wav" for name in "xy" for take in range(5)))
    (tmp_path / "x" / "up").symlink_to(tmp_path)
    (tmp_path / "y" / "here").symlink_to(tmp_path / "y")
    assert sum(map(len, found(Folder("classification"), tmp_path).values())) == len(audio_paths(tmp_path)) == 10


def test_a_list_that_is_not_utf_8_is_named(tmp_path):
    corpus(tmp_path, "yes/a.wav")
    (tmp_path / "testing_list.txt").write_bytes(b"yes/\xff.wav\n")
    with pytest.raises(UserError, match=r"testing_list\.txt, line \d+ is not UTF-8"):
        Folder("classification").splits(tmp_path)


def test_a_folder_without_audio_is_named(tmp_path):
    with pytest.raises(UserError, match="holds no audio file"):
        Folder("classification").splits(tmp_path)
    with pytest.raises(UserError, match=r"no folder of audio at .*/wav"):
        Folder("classification", root="wav").splits(tmp_path)


def test_audio_of_a_kind_that_is_not_read_is_counted_once(tmp_path, capsys):
    corpus(tmp_path, *(f"{label}/{take}.wav" for label in ("yes", "no") for take in range(10)))
    for take in range(3):
        (tmp_path / f"yes/{take}.M4A").touch()
    assert sum(map(len, found(Folder("classification"), tmp_path).values())) == 20
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "left out 3 files of a kind that is not read (.m4a): yes/0.M4A, " in told


def test_the_lists_of_speech_commands_may_be_written_on_windows(tmp_path):
    corpus(
        tmp_path, *(f"{label}/{speaker}_nohash_0.wav" for label in ("yes", "no") for speaker in ("ann", "bob", "cy"))
    )
    (tmp_path / "validation_list.txt").write_text("\ufeffyes\\bob_nohash_0.wav\r\nno\\bob_nohash_0.wav\r\n")
    (tmp_path / "testing_list.txt").write_text("yes/cy_nohash_0.wav\r\n\r\nno/cy_nohash_0.wav")
    assert several(Folder("classification"), tmp_path, 2) == {"train": {"ann"}, "dev": {"bob"}, "test": {"cy"}}


def beside(folder, texts, ending=".txt"):
    """Audio of 0.3 seconds at 8 kHz with a text beside it, in three splits."""
    for split in ("train", "dev", "test"):
        for name, text in texts.items():
            write_tones(folder / split / f"{name}.WAV", ["LOW"])
            (folder / split / name).with_suffix(ending).write_text(text, encoding="utf-8")
    return [text for _, text, _ in found(Folder("recognition", language="en"), folder)["train"]]


def test_the_sample_numbers_before_a_text_of_timit_are_no_words(tmp_path, capsys):
    samples = len(soundfile.read(write_tones(tmp_path / "x" / "a.wav", ["LOW"]))[0])
    assert samples == 2400
    texts = {
        "a": f"0 {samples} She had your dark suit.\n",
        "b": f"0 {2 * samples} Resampled from TIMIT's rate.\n",
        "c": "20 30 people came\n",
        "d": "2 9000 dollars\n",
        "e": "30 20 is the score\n",
        "f": f"0 {samples}\n",
    }
    assert beside(tmp_path / "corpus", texts, ".TXT") == [
        "SHE HAD YOUR DARK SUIT",
        "RESAMPLED FROM TIMIT'S RATE",
        "TWENTY THIRTY PEOPLE CAME",
        "TWO NINE THOUSAND DOLLARS",
        "THIRTY TWENTY IS THE SCORE",
        "ZERO TWO THOUSAND FOUR HUNDRED",
    ]
    Folder("recognition", language="en").splits(tmp_path / "corpus")
    assert "marks that are no words, left out of the texts: two sample numbers 6" in capsys.readouterr().err


def test_a_text_of_marks_alone_is_left_out_and_told_once(tmp_path, capsys):
    assert beside(tmp_path, {"a": "<unk> low", "b": "[noise]"}) == ["LOW"]
    assert capsys.readouterr().err.count("left out 3 utterances of nothing but such marks: b.WAV, b.WAV, b.WAV") == 1


@pytest.mark.parametrize("text", ["0 900 h#\n900 2400 aa\n", "0.000000\t0.200000\tlow\n0.2\t0.3\t\n"])
def test_labels_with_times_are_no_text(tmp_path, text):
    with pytest.raises(UserError, match=r"a\.lab holds times with its texts; give a table with columns of times"):
        beside(tmp_path, {"a": text, "b": text}, ".lab")


def test_all_that_is_left_out_is_named_and_counted(tmp_path, capsys):
    for number in range(12):
        write_tones(tmp_path / f"{number}.wav", ["LOW"])
        (tmp_path / f"{number}.txt").write_text(f"word {number}")
    (tmp_path / "_noise").mkdir()
    for name in ("12.m4a", "12.txt", "13.txt", "14.lab", "_noise/a.wav"):
        (tmp_path / name).touch()
    Folder("recognition").splits(tmp_path)
    assert capsys.readouterr().err.splitlines() == [
        f"{tmp_path}: left out 1 files of a kind that is not read (.m4a): 12.m4a; "
        "convert them to .wav or .flac, as ffmpeg does",
        f"{tmp_path}: left out 1 files of audio in folders that begin with . or _: _noise/a.wav",
        f"{tmp_path}: left out 2 texts without audio beside them: 13.txt, 14.lab",
    ]
