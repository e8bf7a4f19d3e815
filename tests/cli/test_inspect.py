import pytest
import torch
from click.testing import CliRunner

from pyspeech.cli.inspect import inspect
from pyspeech.errors import UserError
from tests.experiments import save_untrained
from tests.tones import tone_manifest


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("matplotlib", reason="needs matplotlib, which this lane does not have")
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("inspect")
    tone_manifest(folder / "cuts.jsonl", 3)
    save_untrained(folder / "exp")
    return folder


def run(folder, *words):
    return CliRunner().invoke(inspect, [str(folder / "cuts.jsonl"), *map(str, words)], catch_exceptions=False)


def test_the_pictures_of_a_training_lie_in_its_folder_and_in_tensorboard(folder):
    done = run(folder, "--id", "utt001", "--id", "utt000", "--exp", folder / "exp")
    paths = [folder / "exp/inspect/utt001.png", folder / "exp/inspect/utt000.png"]
    assert done.output == "".join(f"{path}\n" for path in paths)
    [events] = (folder / "exp/tensorboard/pictures").iterdir()
    for path in paths:
        assert path.read_bytes() in events.read_bytes()


def test_one_picture_is_a_file_and_several_are_a_folder(folder, tmp_path):
    assert run(folder, "--id", "utt001", "--out", tmp_path / "a.png").output == f"{tmp_path / 'a.png'}\n"
    run(folder, "--id", "utt001", "--id", "utt002", "--out", tmp_path / "b")
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == ["utt001.png", "utt002.png"]


def test_what_is_missing_is_said(folder, tmp_path):
    assert "--out" in run(folder, "--id", "utt001").output
    with pytest.raises(UserError, match="the nearest is 'utt001'"):
        run(folder, "--id", "ut001", "--out", tmp_path / "a.png")
    assert not list(tmp_path.iterdir())
