import json

import pytest
from click.testing import CliRunner

from pyspeech.cli.labels import labels
from pyspeech.cli.train import train
from pyspeech.lang.labels import LabelTable, load_labels


def test_the_table_is_written_and_rare_labels_are_named(tmp_path):
    lines = [{"id": str(n), "duration": 1.0, "supervisions": [{"text": text}]} for n, text in enumerate(["abba", "c"])]
    (tmp_path / "train.jsonl").write_text(
        "".join(json.dumps(line) + "\n" for line in [*lines, {**lines[0], "id": "9"}])
    )
    arguments = [str(tmp_path / "labels"), "--manifest", str(tmp_path / "train.jsonl"), "--field", "text"]
    done = CliRunner().invoke(labels, arguments, catch_exceptions=False)
    assert load_labels(tmp_path / "labels") == LabelTable("text", ("abba", "c"))
    assert done.stderr.splitlines() == [
        "warning: labels with one utterance only (1): c",
        f"{tmp_path / 'labels'}: 2 labels, 3 utterances",
    ]


@pytest.mark.parametrize("tables", [[], ["--lang", "l", "--labels", "m"]])
def test_training_wants_either_tokens_or_labels(tmp_path, tables):
    done = CliRunner().invoke(train, ["c.yaml", str(tmp_path / "exp"), "--train", "t", "--dev", "d", *tables])
    assert done.exit_code == 2
    assert "give either --lang, to recognise words, or --labels, to tell labels apart" in done.stderr
