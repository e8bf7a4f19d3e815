"""What the stages of a recognition recipe call, with an echo in place of pyspeech."""

import subprocess
from pathlib import Path

import pytest

RECOGNITION = Path(__file__).resolve().parents[2] / "local" / "recognition.sh"
TRAIN, DEV = (f"--manifest data/manifests/{split}.jsonl.gz" for split in ("train", "dev"))


@pytest.mark.parametrize(
    ("kind", "manifests"), [("phones", f"{TRAIN} {DEV}"), ("characters", TRAIN), ("pieces", TRAIN)]
)
def test_a_lexicon_pronounces_dev_but_nothing_is_learnt_from_it(tmp_path, kind, manifests):
    script = tmp_path / "run.sh"
    script.write_text(f'. "{RECOGNITION}"\npyspeech() {{ echo "$@"; }}\ntokens {kind} --option value\n')
    done = subprocess.run(["bash", str(script)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"lang data/lang {manifests} --tokens {kind} --option value"
