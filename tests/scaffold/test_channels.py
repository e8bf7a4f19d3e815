import numpy as np
import pytest
import soundfile

from pyspeech.corpora.sources.folder import Folder
from pyspeech.corpora.sources.kaldi import KaldiData
from pyspeech.corpora.sources.librispeech import LibriSpeech
from pyspeech.errors import UserError
from pyspeech.scaffold.channels import choose_channel
from pyspeech.scaffold.plan import FoundCorpus

RATE = 8000
NOISE = 0.1 * np.random.default_rng(0).standard_normal((RATE, 2))
KINDS = {
    "mono": NOISE[:, 0],
    "equal": NOISE[:, [0, 0]],
    "silent": NOISE * [0, 1],
    "differing": NOISE,
}


def corpus(folder, *kinds):
    for number, kind in enumerate(kinds):
        soundfile.write(folder / f"{number}.wav", KINDS[kind], RATE)
        (folder / f"{number}.txt").write_text(f"word {number}")
    return FoundCorpus(folder, Folder("recognition"), "a folder")


def test_of_one_channel_nothing_is_said(tmp_path):
    found = corpus(tmp_path, *["mono"] * 12)
    assert choose_channel(found, "train", "") == choose_channel(found, "train", "mix") == found


def test_of_equal_channels_the_first_is_taken_and_told(tmp_path):
    found = corpus(tmp_path, *["mono", "equal"] * 6)
    chosen = choose_channel(found, "train", "")
    assert chosen.source == found.source
    assert chosen.decided == ("channel: the first, in 5 of 10 utterances of several that say the same",)


def test_channels_that_differ_are_a_question_that_names_silent_ones(tmp_path):
    with pytest.raises(
        UserError, match=r"13 of 13 .*\.wav; choose: --channel 0 or 1, --channel mix .* or --channel each"
    ) as told:
        choose_channel(corpus(tmp_path, *["differing"] * 15), "train", "")
    assert "silent" not in str(told.value)
    with pytest.raises(UserError, match=r"differ in .*\.wav; channel 0 is silent in 13 of 13; choose: "):
        choose_channel(corpus(tmp_path, *["silent"] * 15), "train", "")


@pytest.mark.parametrize("asked", ["0", "1", "mix", "each"])
def test_what_was_asked_for_is_read(tmp_path, asked):
    chosen = choose_channel(corpus(tmp_path, *["silent"] * 12), "train", asked)
    assert chosen.source == Folder("recognition", channel=asked)
    assert chosen.decided == (f"channel: {asked}, of up to 2",)
    cuts = list(chosen.source.cuts(tmp_path, "train"))
    assert len({cut.id for cut in cuts}) == len(cuts) == (20 if asked == "each" else 10)


def test_a_corpus_that_says_the_channel_leaves_no_question(tmp_path):
    soundfile.write(tmp_path / "a.wav", NOISE, RATE)
    (tmp_path / "wav.scp").write_text("".join(f"{name} a.wav\n" for name in "abcdefghijkl"))
    (tmp_path / "text").write_text("".join(f"{name} word {name}\n" for name in "abcdefghijkl"))
    found = FoundCorpus(tmp_path, KaldiData(), "Kaldi data", says_channel=True)
    assert choose_channel(found, "train", "") == found
    with pytest.raises(UserError, match="--channel mix is for tables, folders and Kaldi data; LibriSpeech says"):
        choose_channel(FoundCorpus(tmp_path, LibriSpeech(("train",)), "LibriSpeech"), "train", "mix")
    with pytest.raises(UserError, match="channel 'both' is none"):
        choose_channel(found, "train", "both")


def test_what_a_command_writes_is_heard_too(tmp_path):
    soundfile.write(tmp_path / "a.wav", NOISE, RATE)
    (tmp_path / "wav.scp").write_text("".join(f"{name} cat {tmp_path}/a.wav |\n" for name in "abcdefghijkl"))
    (tmp_path / "text").write_text("".join(f"{name} word {name}\n" for name in "abcdefghijkl"))
    with pytest.raises(UserError, match="10 of 10 utterances have several channels, which differ in "):
        choose_channel(FoundCorpus(tmp_path, KaldiData(allow_pipes=True), "Kaldi data"), "train", "")
