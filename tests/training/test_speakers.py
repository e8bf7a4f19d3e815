"""A training of verification that is killed goes on as if it never was: its crops, its noise and its margin do too."""

import shutil

import numpy as np
import pytest
import soundfile
import torch

from pyspeech.config import load_config
from pyspeech.errors import UserError
from pyspeech.lang.labels import LabelTable
from pyspeech.tasks.verification import VerificationTask
from pyspeech.tensor_files import read_header, read_tensors
from pyspeech.training.checkpoint import checkpoint_path, stored_steps
from pyspeech.training.experiment import Sources, run
from tests.classifiers import SPEAKERS_YAML, labelled_manifest
from tests.tones import PITCHES, RATE


class Killed(Exception):
    pass


def test_stopped_and_resumed_with_a_worker_equals_never_stopped(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for name, samples in (("noise", rng.standard_normal(RATE)), ("rir", 0.9 ** np.arange(99.0))):
        (tmp_path / name).mkdir()
        soundfile.write(tmp_path / name / "a.wav", 0.5 * samples, RATE)
    yaml = SPEAKERS_YAML.replace("softmax, speakers]", "aam_softmax, noise, speakers]")
    (tmp_path / "conf.yaml").write_text(
        yaml + f"noise: {{noise_dir: {tmp_path / 'noise'}, rir_dir: {tmp_path / 'rir'}}}\n"
    )
    LabelTable("speaker", tuple(sorted(PITCHES))).save(tmp_path / "labels")
    sources = Sources(
        labelled_manifest(tmp_path / "train.jsonl.gz", 40),
        labelled_manifest(tmp_path / "dev.jsonl.gz", 12, seed=7),
        tmp_path / "labels",
    )

    def trained(name, workers, *more):
        overrides = ["training.epochs=3", "augment.speeds=[0.9, 1.0]", f"batches.workers={workers}", *more]
        assert run(load_config(tmp_path / "conf.yaml", overrides), tmp_path / name, sources, "cpu")

    trained("whole", 0)
    with monkeypatch.context() as patch:
        evaluate = VerificationTask.evaluate
        first = iter([evaluate])

        def killed(*arguments):
            for function in first:
                return function(*arguments)
            raise Killed

        patch.setattr(VerificationTask, "evaluate", killed)
        with pytest.raises(Killed):
            trained("resumed", 0)
    header = read_header(
        checkpoint_path(tmp_path / "resumed", stored_steps(tmp_path / "resumed")[-1]), "model", "train again"
    )
    assert (header["epoch"], header["validated"]) == (2, [1, 0])
    torch.manual_seed(99)
    (tmp_path / "noise").rename(tmp_path / "moved")
    shutil.copytree(tmp_path / "moved", tmp_path / "other")
    (tmp_path / "other/a.wav").rename(tmp_path / "other/b.wav")
    with pytest.raises(UserError, match="resumed was trained on other utterances or noise than these until epoch 2"):
        trained("resumed", 1, f"noise.noise_dir={tmp_path / 'other'}")
    trained("resumed", 1, f"noise.noise_dir={tmp_path / 'moved'}")
    whole, resumed = (
        read_tensors(tmp_path / name / "model.safetensors", "model", "train again") for name in ("whole", "resumed")
    )
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
