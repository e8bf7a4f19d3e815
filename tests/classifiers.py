"""A training of tones by name: the word of an utterance, which its speaker is called too, is its label."""

from pathlib import Path

from pyspeech.config import load_config
from pyspeech.data.manifests import write_manifest
from pyspeech.lang.labels import Field, LabelTable
from pyspeech.training.experiment import Sources, run
from tests.tones import PITCHES, RATE, tone_cuts

# Twice what most seeds need: all tones are told apart then, whatever the seed and however it is rounded.
YAML = f"""include: [fbank, augment, train, speaker_lstm, softmax]
task: classification
features: {{sampling_rate: {RATE}, num_mel_bins: 12, high_hz: 0}}
augment: {{speeds: [1.0], time_masks: 0, frequency_masks: 0}}
batches: {{max_seconds: 3, buckets: 2, workers: 0}}
model: {{lstm_width: 8, lstm_layers: 1, attention_width: 8, embedding_width: 8}}
training: {{epochs: 12, learning_rate: 0.02, average_epochs: 2}}
"""


SPEAKERS_YAML = (
    YAML.replace("softmax]", "softmax, speakers]").replace("classification", "verification")
    + """
speakers: {per_batch: 3, utterances_each: 2, crop_seconds: [0.15, 0.25], crops_each: 40}
"""
)


def labelled_manifest(path: Path, count: int, seed: int = 0) -> Path:
    cuts = tone_cuts(path.parent / f"{path.name.partition('.')[0]}_audio", count, max_words=1, seed=seed)
    for cut in cuts:
        cut.supervisions[0].speaker = cut.supervisions[0].text
    write_manifest(cuts, path)
    return path


def train_on_tones(folder: Path, field: Field) -> Path:
    """Write train and test manifests and train on the first; return the folder of the training.

    The field text makes it a classification, the field speaker a verification.
    """
    train = labelled_manifest(folder / "train.jsonl.gz", 40)
    test = labelled_manifest(folder / "test.jsonl.gz", 12, seed=7)
    LabelTable(field, tuple(sorted(PITCHES))).save(folder / "labels")
    (folder / "conf.yaml").write_text(SPEAKERS_YAML if field == "speaker" else YAML)
    run(load_config(folder / "conf.yaml"), folder / "exp", Sources(train, test, folder / "labels"), "cpu")
    return folder / "exp"
