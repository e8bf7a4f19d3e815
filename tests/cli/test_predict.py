import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

from pyspeech.api import load_classifier
from pyspeech.cli.predict import predict
from pyspeech.cli.score import score
from pyspeech.config import load_config
from pyspeech.data.features import load_audio
from pyspeech.data.manifests import read_manifest, write_manifest
from pyspeech.errors import UserError
from pyspeech.lang.labels import LabelTable, load_labels
from pyspeech.training.experiment import Sources, run
from tests.classifiers import labelled_manifest
from tests.tones import PITCHES, RATE


@pytest.fixture(scope="module")
def folder(tmp_path_factory, train_on_tones):
    folder = tmp_path_factory.mktemp("tones")
    train_on_tones(folder, "text")
    invoke(predict, folder / "exp", folder / "test.jsonl.gz", "--device", "cpu")
    return folder


def invoke(command, *words):
    return CliRunner().invoke(command, [str(word) for word in words], catch_exceptions=False)


def predictions(folder):
    return [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]


def test_tones_are_told_apart_and_scored(folder):
    found = predictions(folder / "exp/predict/test")
    assert [line["id"] for line in found] == [f"utt{n:03d}" for n in range(12)]
    done = invoke(score, "accuracy", folder / "test.jsonl.gz", folder / "exp/predict/test")
    right = sum(line["label"] == line["predicted"] for line in found)
    assert right >= 9
    last = done.stdout.splitlines()[-1]
    assert re.fullmatch(rf"%ACC {100 * right / 12:.2f} \[ {right} / 12 \] 95% \[ [\d.]+, [\d.]+ \] \S+test", last)
    assert (folder / "exp/predict/test/score/report.txt").read_text() == done.stdout


def test_every_line_has_the_probabilities_of_the_likeliest_labels(folder):
    for line in predictions(folder / "exp/predict/test"):
        assert set(line["scores"]) == set(PITCHES)
        assert sum(line["scores"].values()) == pytest.approx(1, abs=1e-4)
        assert next(iter(line["scores"])) == line["predicted"] == max(line["scores"], key=line["scores"].get)


def test_the_folder_of_the_training_holds_the_labels_and_no_words(folder):
    assert load_labels(folder / "exp/labels") == load_labels(folder / "labels")
    assert not (folder / "exp/train_words.tsv").exists()
    metrics = [json.loads(line) for line in (folder / "exp/metrics.jsonl").read_text().splitlines()]
    assert metrics[-1]["dev_label_error_rate"] <= 0.25


def test_a_label_of_dev_that_the_table_lacks_is_named_before_training(folder, tmp_path):
    LabelTable("text", ("HIGH", "LOW")).save(tmp_path / "labels")
    sources = Sources(folder / "train.jsonl.gz", folder / "test.jsonl.gz", tmp_path / "labels")
    with pytest.raises(UserError, match=r"train.jsonl.gz, cut 'utt\d+': the label table has no text 'MID'"):
        run(load_config(folder / "conf.yaml"), tmp_path / "exp", sources, "cpu")
    assert not (tmp_path / "exp").exists()


def test_another_label_table_and_another_kind_of_network_are_refused(folder, tmp_path):
    manifests = folder / "train.jsonl.gz", folder / "test.jsonl.gz"
    LabelTable("speaker", tuple(sorted(PITCHES))).save(tmp_path / "labels")
    with pytest.raises(UserError, match="begun with another table than"):
        run(load_config(folder / "conf.yaml"), folder / "exp", Sources(*manifests, tmp_path / "labels"))
    words = folder / "words.yaml"
    words.write_text("include: [fbank, augment, train, softmax, tdnn_lstm]\ntask: classification\n")
    with pytest.raises(UserError, match="'tdnn_lstm' is not of outputs for each utterance"):
        run(load_config(words), tmp_path / "exp", Sources(*manifests, folder / "labels"))


def test_a_second_prediction_takes_the_place_of_the_first(folder, tmp_path):
    other = labelled_manifest(tmp_path / "other.jsonl.gz", 3)
    for manifest, count in ((folder / "test.jsonl.gz", 12), (other, 3)):
        done = invoke(predict, folder / "exp", manifest, "--out", tmp_path / "out", "--device", "cpu")
        assert done.stdout == f"{tmp_path / 'out'}: {count} utterances\n"
        assert len(predictions(tmp_path / "out")) == count


@pytest.mark.parametrize("jobs", [2, 3])
def test_predictions_are_the_same_whatever_the_number_of_processes(folder, tmp_path, jobs):
    for number in (1, jobs):
        options = ["--out", tmp_path / str(number), "--device", "cpu", "--jobs", number]
        invoke(predict, folder / "exp", folder / "test.jsonl.gz", *options)
    assert predictions(tmp_path / "1") == predictions(tmp_path / str(jobs))


@pytest.mark.parametrize("jobs", [1, 2])
def test_audio_that_cannot_be_read_is_named_and_the_earlier_predictions_stay(folder, tmp_path, jobs):
    labelled_manifest(tmp_path / "some.jsonl.gz", 9)
    options = ["--out", tmp_path / "out", "--device", "cpu", "--jobs", jobs]
    invoke(predict, folder / "exp", tmp_path / "some.jsonl.gz", *options)
    before = predictions(tmp_path / "out")
    (tmp_path / "some_audio/utt006.wav").write_bytes(b"RIFF")
    with pytest.raises(UserError, match=r"^cannot read the audio of cut 'utt006' from .*utt006.wav: .*leave the cut"):
        invoke(predict, folder / "exp", tmp_path / "some.jsonl.gz", *options)
    assert predictions(tmp_path / "out") == before
    assert [path.name for path in tmp_path.glob("*out*")] == ["out"]


def test_utterances_without_words_are_told_apart_too(folder, tmp_path):
    cuts = list(read_manifest(folder / "test.jsonl.gz"))
    for cut in cuts:
        cut.supervisions[0].text = None
    write_manifest(cuts, tmp_path / "test.jsonl.gz")
    invoke(predict, folder / "exp", tmp_path / "test.jsonl.gz", "--out", tmp_path / "out", "--device", "cpu")
    said = predictions(folder / "exp/predict/test")
    assert [line["predicted"] for line in predictions(tmp_path / "out")] == [line["predicted"] for line in said]


def test_a_folder_of_other_things_is_kept(folder, tmp_path):
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(UserError, match="holds other things than predictions"):
        invoke(predict, folder / "exp", folder / "test.jsonl.gz", "--out", tmp_path)


def test_samples_in_memory_are_classified_as_their_files_are(folder):
    model = load_classifier(folder / "exp", "cpu")
    cuts = read_manifest(folder / "test.jsonl.gz")
    for cut, line in zip(cuts, predictions(folder / "exp/predict/test"), strict=True):
        found = model.probabilities(load_audio(cut, RATE)[0], RATE)
        assert next(iter(found)) == line["predicted"]
        assert found == pytest.approx(line["scores"], abs=1e-4)
    with pytest.raises(UserError, match="the samples have 16000 Hz"):
        model.probabilities(np.zeros(16000, np.float32), 16000)
