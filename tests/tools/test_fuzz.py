import ast
import json
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tools.broken_readers import FAULTS, READERS
from tools.fuzz import readers
from tools.fuzz.__main__ import Bounds, main, run, table
from tools.fuzz.child import Limits
from tools.fuzz.mutations import damage

PROJECT = Path(__file__).resolve().parents[2]
NAMES = ("a.jsonl", "a.json.gz", "a.yaml", "a.npy", "a.npz", "a.safetensors", "a.wav", "a.txt.xz", "a.bz2", "a")

# Functions that read what a user may give, and the reader of tools/fuzz that comes by each.
READ_BY = {
    "arrays.py:read_npz": "lattices",
    "data/audio_reading.py:read_header": "audio validate",
    "data/cut_index.py:read_cut_index": "cut index",
    "data/manifests.py:read_manifest": "audio load",
    "corpora/sources/rows.py:read_rows": "table csv",
    "data/speaker_index.py:read_speaker_index": "speaker index",
    "corpora/split_lists.py:read_split_lists": "split lists",
    "corpora/synthesis.py:load_plan": "plan",
    "transcripts.py:read_transcripts": "manifest describe",
    "config.py:load_config": "settings",
    "config.py:load_feature_config": "settings",
    "decoding/config.py:load_decode_config": "settings",
    "decoding/read_hypotheses.py:read_timed_transcripts": "timed transcripts",
    "formats/slf.py:read_slf": "slf",
    "graph/compose.py:load_graph": "graph",
    "graph/inputs.py:read_words": "graph",
    "graph/grammar.py:read_grammar": "graph inputs",
    "json_files.py:read_json": "predictions",
    "json_files.py:read_json_lines": "predictions",
    "json_files.py:read_json_list": "embeddings",
    "json_files.py:read_raw_lines": "manifest validate",
    "lang/labels.py:load_labels": "classifier",
    "lang/lexicon.py:read_lexicon": "lexicon",
    "lang/tokens.py:load_tokens": "tokens",
    "lm/text.py:read_lines": "lm texts",
    "lm/text.py:read_text": "lm texts",
    "rescoring/boosting.py:read_phrases": "rescore search",
    "rescoring/weights_file.py:load_weights": "weights",
    "rescoring/config.py:load_rescore_config": "settings",
    "rescoring/vocabulary.py:read_new_words": "rescore search",
    "scoring/accuracy.py:read_predictions": "predictions",
    "speakers/embeddings.py:load_embeddings": "embeddings",
    "speakers/enrolments.py:load_enrolments": "enrolment store",
    "speakers/plda.py:load_plda": "plda",
    "scoring/rare_words.py:read_train_words": "decode score",
    "scoring/rare_words.py:read_word_list": "decode score",
    "scoring/report.py:read_unit": "decode score",
    "scoring/report.py:read_unknown_words": "decode score",
    "speakers/scored_trials.py:load_scored_trials": "verifications",
    "decoding/token_offsets.py:load_offsets": "recogniser",
    "speakers/trials.py:read_speakers": "trials",
    "speakers/trials.py:read_trials": "trials",
    "scoring/wer.py:read_hypotheses": "decode score",
    "settings.py:load_section": "settings",
    "settings.py:read_yaml": "settings",
    "tasks/classification.py:load_classifier": "classifier",
    "inference/embedding.py:load_embedder": "embedder",
    "inference/speech_model.py:load_model": "recogniser",
    "tasks/network.py:load_network": "recogniser",
    "tasks/recognition.py:load_recogniser": "recogniser",
    "tasks/__init__.py:load_task": "training",
    "tasks/network.py:load_model": "classifier",
    "tensor_files.py:read_header": "training",
    "tensor_files.py:read_tensors": "recogniser",
    "text_files.py:read_raw_lines": "manifest validate",
    "text_files.py:read_text": "lexicon",
    "training/checkpoint.py:load_checkpoint": "training",
    "training/checkpoint.py:load_weights": "training",
    "training/checkpoint.py:read_progress": "training",
    "training/origin.py:read_origin": "origin",
    "training/history.py:read_history": "history",
    "validation/checks.py:load_checks": "settings validate",
    "validation/damaged_lines.py:read_lines": "manifest validate",
    "yaml_files.py:read_yaml_mapping": "settings",
}


def test_every_function_that_reads_a_path_has_a_reader():
    found = set()
    for path in (PROJECT / "pyspeech").rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith(("read_", "load_")):
                kinds = [ast.unparse(each.annotation) for each in node.args.args if each.annotation is not None]
                if any("Path" in kind for kind in kinds):
                    found.add(f"{path.relative_to(PROJECT / 'pyspeech')}:{node.name}")
    found = {name for name in found if not name.startswith("api.py:")}  # doors to the others
    assert found - READ_BY.keys() == set(), "give it a reader in tools/fuzz/readers.py, and say here which"
    assert set(READ_BY.values()) <= readers.READERS.keys()


@pytest.fixture(scope="module")
def tallies(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    limits, module = Limits(seconds=0.5, mib=200), ("-m", "tests.tools.broken_readers")
    return folder, run(READERS, folder / "root", 1, Bounds(2 * len(READERS), None), 2, folder / "out", limits, module)


@pytest.mark.parametrize("name", sorted(READERS))
def test_readers_that_are_wrong_are_caught_and_the_others_are_read_on(tallies, name):
    tally = tallies[1][name]
    assert tally.counts.total() == 2
    if name in FAULTS:
        # A change may leave the line as it was.
        assert tally.counts["other"] == tally.faults.total() >= 1
        assert all(what.startswith(FAULTS[name]) for what in tally.faults)
    else:
        assert tally.counts["other"] == 0


def test_what_went_wrong_is_kept_with_its_traceback_and_the_table_counts_it(tallies):
    folder, found = tallies
    kept = {path.name.rsplit("-", 2)[0] for path in (folder / "out").iterdir()}
    assert kept == {name.replace(" ", "_") for name in FAULTS}
    for path in (folder / "out").glob("traceback-*"):
        fault = json.loads((path / "fault.json").read_text())
        assert 'return {}["a"]' in fault["detail"]
        assert fault["reader"] == "traceback"
        assert fault["damage"].startswith("a.txt: ")
        assert (path / "input/a.txt").read_bytes() != b"as it was\n"
    for path in (folder / "out").glob("crashes-*"):
        assert "Segmentation fault" in json.loads((path / "fault.json").read_text())["detail"]
    lines = table(found).splitlines()
    assert len(lines) == len(READERS) + 2
    assert lines[-1].split()[1] == str(2 * len(READERS))


def test_a_reader_of_the_project_is_fuzzed_and_an_input_replayed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["--inputs", "20", "--reader", "split lists", "--jobs", "1"])
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1].split()[:2] == ["all", "20"]
    assert not (tmp_path / "fuzz_failures").exists()
    (tmp_path / "kept/input/lists").mkdir(parents=True)
    (tmp_path / "kept/input/lists/train.txt").write_bytes(b"\xff")
    (tmp_path / "kept/fault.json").write_text('{"reader": "split lists", "damage": "train.txt: insert"}')
    done = CliRunner().invoke(main, ["--replay", "kept"])
    assert done.stdout.splitlines()[-1].startswith("refused: ")


@settings(max_examples=60)
@given(st.binary(max_size=60), st.sampled_from(NAMES), st.integers(0, 10**6))
def test_anything_can_be_damaged_and_equal_seeds_do_the_same(tmp_path_factory, content, name, seed):
    path, results = tmp_path_factory.getbasetemp() / name, []
    for _ in range(2):
        path.write_bytes(content)
        done = damage([path], [], Random(seed))
        results.append((done, path.exists() and path.read_bytes()))
    assert results[0] == results[1]
