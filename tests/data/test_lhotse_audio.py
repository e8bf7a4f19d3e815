import numpy as np
import soundfile
from lhotse import Recording

from pyspeech.corpora.corpus import recording_of, utterance
from pyspeech.data.features import load_audio
from tests.data.test_audio_reading import mp3, without_contents

RATE = 16000


def test_lhotse_reads_to_the_end_that_the_manifest_tells(tmp_path):
    path = mp3(tmp_path / "a.mp3")
    path.write_bytes(without_contents(path.read_bytes()))
    cut = utterance(path, "A", "")
    assert cut.duration > soundfile.info(path).duration + 0.5  # which is what libsndfile guesses
    assert load_audio(cut, RATE).shape == (1, cut.num_samples)
    assert Recording.from_file(path) == recording_of(path)


def test_a_segment_of_audio_that_cannot_be_seeked_in_is_read(tmp_path):
    path = tmp_path / "gsm.wav"
    soundfile.write(path, np.sin(np.arange(4 * RATE) / 7), RATE, subtype="GSM610")
    whole = load_audio(utterance(path, "A", ""), RATE)
    part = load_audio(utterance(path, "A", "", id="b", start=1.5, seconds=0.5), RATE)
    assert (part == whole[:, 24000:32000]).all()
