import layouts
import numpy as np
import pytest
import soundfile
from tones import write_tones

from pyspeech.corpora.sources.sphinx import Sphinx
from pyspeech.errors import UserError


def corpus(folder, lists, ending=".wav"):
    """Lists of pairs (path below wav, line of its transcript) by the split's name."""
    (folder / "etc").mkdir()
    for split, rows in lists.items():
        (folder / f"etc/x_{split}.fileids").write_text("".join(f"{path}\n" for path, _ in rows))
        (folder / f"etc/x_{split}.transcription").write_text("".join(f"{line}\n" for _, line in rows))
        for path, _ in rows:
            audio = folder / "wav" / f"{path}{ending}"
            samples, rate = soundfile.read(write_tones(folder / "tone.wav", ["LOW"]))
            audio.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(audio, samples, rate, format={".sph": "NIST"}.get(ending))
    return folder


def spoken(folder, split):
    return [(cut.id, s.text, s.speaker) for cut in Sphinx().cuts(folder, split) for s in cut.supervisions]


ROWS = {
    "train": [("a/u1", "<s> READ(2) THE TAPE </s> (u1)"), ("b/u2", "<s> ++NOISE++ <sil> NO </s> (b/u2)")],
    "dev": [("a/u3", "YES (u3)")],
    "test": [("a/u4", "<s> [NOISE] </s> (u4)"), ("c/u5", "OH (u5)")],
}


@pytest.mark.parametrize("ending", [".wav", ".sph"])
def test_lists_and_transcripts_are_utterances(tmp_path, capsys, ending):
    folder = corpus(tmp_path, ROWS, ending)
    assert Sphinx().splits(folder) == ("train", "dev", "test")
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("marks that are no words, left out of the texts: ++NOISE++ 1, <sil> 1, [NOISE] 1")
    assert second.endswith(f"left out 1 utterances of nothing but such marks: u4{ending}")
    assert spoken(folder, "train") == [("u1", "READ THE TAPE", "a"), ("u2", "NO", "b")]
    assert spoken(folder, "test") == [("u5", "OH", "c")]


def test_splits_that_have_no_list_are_held_out_and_one_folder_is_no_speaker(tmp_path):
    folder = corpus(tmp_path, {"train": [(f"all/u{n:02d}", f"WORD{n} (u{n:02d})") for n in range(20)]})
    assert Sphinx().splits(folder) == ("train", "dev", "test")
    assert [len(spoken(folder, split)) for split in ("train", "dev", "test")] == [16, 2, 2]
    assert {speaker for *_, speaker in spoken(folder, "train")} == {""}


def test_features_of_sphinx_are_read_from_feat(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "feat").mkdir()
    for split in ("train", "dev", "test"):
        (tmp_path / f"etc/x_{split}.fileids").write_text(f"{split}\n")
        (tmp_path / f"etc/x_{split}.transcription").write_text(f"<s> LOW </s> ({split})\n")
        values = np.zeros(20 * 13, ">f4")
        (tmp_path / f"feat/{split}.mfc").write_bytes(np.array(len(values), ">i4").tobytes() + values.tobytes())
    (cut,) = Sphinx().cuts(tmp_path, "train")
    assert (cut.duration, cut.supervisions[0].text) == (0.2, "LOW")


def test_the_lists_of_an4_are_read_as_its_recipe_does(tmp_path):
    layouts.an4(tmp_path, train=30, test=3)
    assert Sphinx().splits(tmp_path) == ("train", "dev", "test")
    texts = [text for split in ("train", "dev") for _, text, _ in spoken(tmp_path, split)]
    assert sorted(texts) == sorted(" ".join(words) for words in layouts.sentences(30))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda folder: (folder / "etc/x_dev.transcription").write_text("YES\n"),
            r"x_dev\.transcription, line 1: expected",
        ),
        (
            lambda folder: (folder / "etc/x_dev.transcription").write_text("YES (other)\n"),
            r"u3\.wav has no transcript in x_dev",
        ),
        (lambda folder: (folder / "etc/x_dev.transcription").unlink(), r"no .*x_dev\.transcription"),
        (lambda folder: (folder / "etc/x_dev.fileids").write_text("\n"), r"x_dev\.fileids lists no file"),
        (lambda folder: (folder / "wav").rename(folder / "sounds"), "no file of .* is there: a/u1 was looked for in"),
        (lambda folder: (folder / "etc").rename(folder / "lists"), r"has no etc/\*\.fileids"),
    ],
)
def test_what_is_not_as_sphinx_has_it_is_named(tmp_path, change, message):
    change(corpus(tmp_path, ROWS))
    with pytest.raises(UserError, match=message):
        spoken(tmp_path, "dev")
