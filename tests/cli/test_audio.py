from pathlib import Path

import pytest
from click.testing import CliRunner
from tones import tone_manifest

from pyspeech.cli import cli
from pyspeech.data.manifests import read_manifest
from pyspeech.errors import UserError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    tone_manifest(tmp_path / "train.jsonl.gz", 2)  # at 8 kHz
    (tmp_path / "conf.yaml").write_text("include: [fbank]\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*words):
    return CliRunner().invoke(cli, ["audio", *words], catch_exceptions=False)


def test_recordings_get_the_rate_of_the_features(folder):
    done = invoke("train.jsonl.gz", "out", "--config", "conf.yaml", "--jobs", "1")
    assert done.exit_code == 0
    assert {cut.sampling_rate for cut in read_manifest(folder / "out/train.jsonl.gz")} == {16000}
    assert "out/train.jsonl.gz: 2 utterances" in done.output
    assert "out: 2 recordings copied at 16000 Hz, 0 of them quieter lest they clip; 0 were there" in done.output
    assert "out: 0 recordings copied" in invoke("train.jsonl.gz", "out", "--rate", "16000").output


@pytest.mark.usefixtures("folder")
def test_two_manifests_of_one_name_would_be_one_file():
    with pytest.raises(UserError, match=r"two manifests are called train.jsonl.gz, both would be out/train.jsonl.gz;"):
        invoke("train.jsonl.gz", "other/train.jsonl.gz", "out", "--rate", "16000")
    assert not Path("out").exists()


@pytest.mark.parametrize("words", [(), ("--config", "conf.yaml", "--rate", "8000")])
@pytest.mark.usefixtures("folder")
def test_the_rate_is_given_once(words):
    done = invoke("train.jsonl.gz", "out", *words)
    assert done.exit_code == 2
    assert "give --config or --rate, one of them" in done.output
