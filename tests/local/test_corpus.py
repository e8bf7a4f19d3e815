"""What the stages that all recipes share call, with an echo in place of the programs."""

import shlex
import subprocess
from pathlib import Path

import pytest

from pyspeech.config import load_config

CORPUS = Path(__file__).resolve().parents[2] / "local" / "corpus.sh"


def called(folder: Path, line: str) -> list[str]:
    script = folder / "run.sh"
    settings = "model=net corpus=/speech"
    script.write_text(f'. "{CORPUS}"\n{settings}\npyspeech() {{ echo "$@"; }}\npython() {{ echo "$@"; }}\n{line}\n')
    done = subprocess.run(["bash", str(script)], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_the_corpus_is_downloaded_by_the_recipes_own_program(tmp_path):
    assert called(tmp_path, "download") == ["prepare.py download /speech"]


def test_manifests_stand_in_the_folder_that_the_recipe_chooses(tmp_path):
    (line,) = called(tmp_path, "data=data/small; manifests")
    assert line == "prepare.py manifests /speech data/small/manifests"


def test_options_that_prepare_has_of_its_own_go_to_both_of_its_commands(tmp_path):
    options = "prepare=(--subset 'one word')"
    assert called(tmp_path, f"{options}; download") == ["prepare.py download /speech --subset one word"]
    (line,) = called(tmp_path, f"{options}; manifests")
    assert line == "prepare.py manifests /speech data/manifests --subset one word"


def test_manifests_are_validated_and_a_fault_ends_the_stage(tmp_path):
    (tmp_path / "data/manifests").mkdir(parents=True)
    (tmp_path / "data/manifests/train.jsonl.gz").touch()
    lines = called(tmp_path, 'pyspeech() { echo "$@"; return 1; }; manifests 2>&1 || echo stopped')
    assert lines[1:] == ["validate data/manifests/train.jsonl.gz", "stopped"]


def test_the_features_of_every_manifest_are_stored_those_of_train_at_every_speed(tmp_path):
    (tmp_path / "data/manifests").mkdir(parents=True)
    for split in ("train", "test-other"):
        (tmp_path / f"data/manifests/{split}.jsonl.gz").touch()
    (line,) = called(tmp_path, "features")
    manifests = "data/manifests/test-other.jsonl.gz data/manifests/train.jsonl.gz"
    assert line == f"features {manifests} data/fbank --config conf/net.yaml --perturb train"


class TestTrainFromAudio:
    def test_is_what_sounds_that_are_added_need(self, tmp_path):
        stand_ins = 'audio() { echo audio; }; features_but_train() { echo "but train, $1"; }'
        assert called(tmp_path, f"{stand_ins}; rir_dir=/rooms; features") == ["audio", "but train, audio"]

    def test_all_recordings_are_resampled_to_what_the_features_need(self, tmp_path):
        (tmp_path / "data/manifests").mkdir(parents=True)
        for split in ("train", "test"):
            (tmp_path / f"data/manifests/{split}.jsonl.gz").touch()
        manifests = "data/manifests/test.jsonl.gz data/manifests/train.jsonl.gz"
        assert called(tmp_path, "audio") == [f"audio {manifests} data/audio --config conf/net.yaml"]

    @pytest.mark.parametrize("folder", ["audio", "manifests"])
    def test_the_features_of_all_but_train_are_stored(self, tmp_path, folder):
        (tmp_path / "data/manifests").mkdir(parents=True)
        for split in ("train", "dev", "test-train"):
            (tmp_path / f"data/manifests/{split}.jsonl.gz").touch()
        (line,) = called(tmp_path, f"features_but_train {folder}")
        manifests = f"data/{folder}/dev.jsonl.gz data/{folder}/test-train.jsonl.gz"
        assert line == f"features {manifests} data/fbank --config conf/net.yaml"


@pytest.mark.parametrize("name", ["a b", "it's: ", "#1", '"{x}"'])
def test_a_folder_of_sounds_of_any_name_is_named_as_the_configuration_reads_it(tmp_path, name):
    line = f"words=(); add_sounds noise ''; add_sounds rir {shlex.quote('/' + name)}; printf '%s\\n' \"${{words[@]}}\""
    path = tmp_path / "net.yaml"
    includes = "fbank, augment, train, noise, speakers, aam_softmax, speaker_lstm"
    path.write_text(f"include: [{includes}]\ntask: verification\n")
    noise = load_config(path, called(tmp_path, line)).noise
    assert (noise.noise_dir, noise.rir_dir) == (None, f"/{name}")


class TestSettings:
    """--set and --exp-name."""

    def test_are_taken_by_the_commands_that_their_first_component_names(self, tmp_path):
        words = "set=(training.epochs=3 decode.nbest=9 model.name=x rescore.nbest=2)"
        shown = "; ".join(f'set_of {of}; echo "${{recipe_set[*]}}"' for of in ("train", "decode", "rescore decode"))
        assert called(tmp_path, f"{words}; {shown}") == [
            "training.epochs=3 model.name=x",
            "decode.nbest=9",
            "decode.nbest=9 rescore.nbest=2",
        ]

    def test_of_no_command_end_the_recipe_before_its_first_stage(self, tmp_path):
        (tmp_path / "conf").mkdir()
        (tmp_path / "conf/net.yaml").touch()
        refuses = 'pyspeech() { echo "$@" >&2; return 1; }; set=(training.epohcs=3)'
        line = f"{refuses}; (if stage 1 x; then echo ran; fi) 2>&1 || echo ended"
        assert called(tmp_path, line) == ["config conf/net.yaml training.epohcs=3", "ended"]

    def test_are_looked_at_once_as_soon_as_the_network_is_known(self, tmp_path):
        (tmp_path / "conf/small").mkdir(parents=True)
        (tmp_path / "conf/small/net.yaml").touch()
        stages = "if stage 1 x; then :; fi; model=small/net; if stage 2 y; then :; fi; if stage 3 z; then :; fi"
        found = called(tmp_path, f"pyspeech() {{ echo $1 $2 >&2; }}; set=(a.b=1); exec 2>&1; {stages}")
        assert [line for line in found if "tage" not in line] == ["config conf/small/net.yaml"]

    def test_an_experiment_has_a_folder_of_its_own(self, tmp_path):
        lines = called(tmp_path, "experiment; exp=exp/pieces model=small/net; experiment; exp_name=wide; experiment")
        assert lines == ["exp/net", "exp/pieces/small/net", "exp/pieces/wide"]

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ("--exp-name ../x", "--exp-name needs the name of a folder, no path, found '../x'"),
            ("--exp-name=.x", "--exp-name needs the name of a folder, no path, found '.x'"),
            ("--processes 0", "--processes needs a number from 1 to 9999, found '0'"),
            ("--processes two", "--processes needs a number from 1 to 9999, found 'two'"),
        ],
    )
    def test_are_looked_at_with_all_options(self, tmp_path, words, message):
        assert called(tmp_path, f"(parse_options {words}) 2>&1 || echo code $?") == [f"error: {message}", "code 2"]

    def test_stand_in_the_help_below_those_of_the_recipe_which_come_first(self, tmp_path):
        script = f'. "{CORPUS}"\nmodel=net\nprocesses=2  # of ours\nparse_options --help\n'
        (tmp_path / "run.sh").write_text(script)
        done = subprocess.run(["bash", str(tmp_path / "run.sh")], capture_output=True, text=True, check=True)
        options = [line.split() for line in done.stdout.splitlines() if line.startswith("  --")]
        assert [first for first, *_ in options] == [
            "--model",
            "--processes",
            "--exp-name",
            "--set",
            "--init-dir",
            "--stage",
            "--stop-stage",
        ]
        assert " ".join(options[1]) == "--processes of ours; default: 2"
