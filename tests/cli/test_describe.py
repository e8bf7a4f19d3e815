import json
import sys

import pytest
from click.testing import CliRunner

from pyspeech.cli.describe import describe
from pyspeech.errors import MissingPackage, UserError
from tests.tones import tone_manifest


@pytest.fixture
def manifests(tmp_path):
    return [tone_manifest(tmp_path / f"{name}.jsonl.gz", count) for name, count in (("train", 6), ("dev", 2))]


def run(*words):
    return CliRunner().invoke(describe, [str(word) for word in words], catch_exceptions=False)


def test_manifests_are_described_side_by_side_and_nothing_is_written(tmp_path, manifests):
    before = sorted(tmp_path.iterdir())
    done = run(*manifests)
    assert done.exit_code == 0
    assert [line.split() for line in done.stdout.splitlines()[:2]] == [["train", "dev"], ["Utterances", "6", "2"]]
    assert sorted(tmp_path.iterdir()) == before


def test_figures_and_the_picture_are_written(tmp_path, manifests):
    pytest.importorskip("matplotlib", reason="needs matplotlib, which this lane does not have")
    assert run(*manifests, "--out", tmp_path / "new/out").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "new/out").iterdir()) == ["description.json", "description.png"]


def test_a_manifest_that_is_given_twice_is_refused(tmp_path, manifests):
    with pytest.raises(UserError, match="given twice"):
        run(manifests[0], tmp_path / "." / manifests[0].name)


def test_without_matplotlib_the_figures_are_written_all_the_same(tmp_path, manifests, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingPackage):
        run(*manifests, "--out", tmp_path / "out")
    values = json.loads((tmp_path / "out/description.json").read_text(encoding="utf-8"))
    assert [each["utterances"] for each in values.values()] == [6, 2]
