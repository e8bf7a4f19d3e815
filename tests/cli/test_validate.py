import subprocess
import sys

from click.testing import CliRunner

from pyspeech.cli.validate import validate
from tests.tones import tone_manifest


def run(*words):
    return CliRunner().invoke(validate, [str(word) for word in words], catch_exceptions=False)


def test_a_sound_corpus_exits_with_0(tmp_path):
    done = run(tone_manifest(tmp_path / "train.jsonl.gz", 4))
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1] == "4 utterances in 1 manifest: 0 faults, 0 warnings"


def test_faults_exit_with_1_and_a_fix_with_0(tmp_path):
    manifest = tone_manifest(tmp_path / "train.jsonl.gz", 4)
    (tmp_path / "train_audio" / "utt001.wav").unlink()
    done = run(manifest)
    assert done.exit_code == 1
    assert "audio missing" in done.stdout
    assert done.stdout.splitlines()[-1] == "4 utterances in 1 manifest: 1 fault in 1 utterance, 0 warnings"
    done = run(manifest, "--fix", tmp_path / "out")
    assert done.exit_code == 0
    assert f"{tmp_path / 'out'}: 0 lines mended (mended.tsv), 1 left out (dropped.tsv)" in done.stdout
    assert run(tmp_path / "out" / "train.jsonl.gz").exit_code == 0


def test_the_command_is_there_and_names_what_is_wrong_in_one_line(tmp_path):
    command = [sys.executable, "-m", "pyspeech", "validate", str(tmp_path / "nowhere.jsonl.gz")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: no manifest at {tmp_path / 'nowhere.jsonl.gz'}")
    assert len(done.stderr.splitlines()) == 1
