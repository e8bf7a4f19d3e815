"""What the stages of a recognition recipe call, with an echo in place of pyspeech."""

import subprocess
from pathlib import Path

import pytest

RECOGNITION = Path(__file__).resolve().parents[2] / "local" / "recognition.sh"
TRAIN, DEV = (f"--manifest data/manifests/{split}.jsonl.gz" for split in ("train", "dev"))


def called(folder: Path, line: str, k2: str = "yes") -> list[str]:
    return run(folder, line, k2).stdout.splitlines()


def run(folder: Path, line: str, k2: str) -> "subprocess.CompletedProcess[str]":
    """With an echo in place of Python, which is asked for k2."""
    script = folder / "run.sh"
    stand_ins = f'pyspeech() {{ echo "$@"; }}\npython() {{ echo {k2}; }}'
    script.write_text(f'. "{RECOGNITION}"\nmodel=net\n{stand_ins}\n{line}\n')
    return subprocess.run(["bash", str(script)], capture_output=True, text=True, check=True)


@pytest.mark.parametrize(
    ("kind", "manifests"), [("phones", f"{TRAIN} {DEV}"), ("characters", TRAIN), ("pieces", TRAIN)]
)
def test_a_lexicon_pronounces_dev_but_nothing_is_learnt_from_it(tmp_path, kind, manifests):
    (line,) = called(tmp_path, f"tokens {kind} --option value")
    assert line == f"lang data/lang {manifests} --tokens {kind} --option value"


def test_a_language_model_trains_on_train_and_further_texts_without_the_sentences_of_other_splits(tmp_path):
    (tmp_path / "data/manifests").mkdir(parents=True)
    for split in ("train", "dev", "test-other"):
        (tmp_path / f"data/manifests/{split}.jsonl.gz").touch()
    (line,) = called(tmp_path, "language_model lm_big more.txt --order 4")
    held_out = [f"--held-out data/manifests/{split}.jsonl.gz" for split in ("dev", "test-other")]
    train = "data/manifests/train.jsonl.gz"
    assert line == f"lm train data/lm_big {train} more.txt --order 4 {' '.join(held_out)} --drop-held-out"


class TestTrain:
    LINE = (
        "train conf/net.yaml exp/net {}--lang data/lang --train data/{}/train.jsonl.gz --dev data/fbank/dev.jsonl.gz"
        " --processes {}"
    )

    def test_takes_stored_features_or_audio(self, tmp_path):
        assert called(tmp_path, "train; train audio") == [
            self.LINE.format("", where, 1) for where in ("fbank", "audio")
        ]

    def test_adds_sounds_that_are_given(self, tmp_path):
        words = "noise.noise_dir='/noise' noise.rir_dir='/rooms' "
        assert called(tmp_path, "noise_dir=/noise rir_dir=/rooms; train audio") == [self.LINE.format(words, "audio", 1)]

    def test_starts_as_many_processes_as_are_asked_for(self, tmp_path):
        assert called(tmp_path, "processes=2; train audio") == [self.LINE.format("", "audio", 2)]

    def test_takes_the_tokens_that_the_recipe_chose(self, tmp_path):
        lines = called(tmp_path, "lang=pieces graph=pieces_graph; tokens pieces; graph; train; decode dev")
        assert lines[0].startswith("lang data/pieces ")
        assert lines[1] == "graph data/pieces data/lm data/pieces_graph"
        assert "--lang data/pieces " in lines[2]
        assert lines[3].endswith("--graph data/pieces_graph")


def test_a_network_may_have_a_search_of_its_own(tmp_path):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/net_decode.yaml").touch()
    (line,) = called(tmp_path, "decode dev")
    assert line == "decode exp/net data/fbank/dev.jsonl.gz --graph data/graph --config conf/net_decode.yaml"


def test_without_k2_there_is_no_graph_and_that_is_said_in_one_line(tmp_path):
    done = run(tmp_path, "graph", "no")
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("No graph: k2")
    assert "decode searches lexicon and language model" in line


@pytest.mark.parametrize(
    "line", ["decode test test-2", "decode dev test test-2", "decode dev; decode test; decode test-2"]
)
@pytest.mark.parametrize(("k2", "how"), [("yes", "--graph data/graph"), ("no", "--method search --lm data/lm")])
def test_dev_is_decoded_first_and_all_else_by_what_was_chosen_on_it(tmp_path, line, k2, how):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/net_decode.yaml").touch()
    exp, how = "exp/net", f"{how} --config conf/net_decode.yaml"
    chosen = {"test": f"--tune {exp}/decode/dev", "test-2": f"--weights {exp}/decode/test/weights.json"}
    tuned = [f"decode {exp} data/fbank/{split}.jsonl.gz {how} {option}" for split, option in chosen.items()]
    assert called(tmp_path, line, k2) == [f"decode {exp} data/fbank/dev.jsonl.gz {how}", *tuned]


@pytest.mark.parametrize("k2", ["yes", "no"])
def test_graph_and_search_take_the_language_model_that_the_recipe_names(tmp_path, k2):
    lines = called(tmp_path, "lm=mine.arpa; graph; decode dev", k2)
    assert all("mine.arpa" in line for line in lines if k2 == "no" or line.startswith("graph"))
    assert lines


def test_a_graph_of_a_model_that_the_search_would_not_know_is_refused(tmp_path):
    done = run(tmp_path, "graph data/lm_big || echo refused", "yes")
    assert done.stdout == "refused\n"
    assert done.stderr.startswith("error: graph takes no language model")
    assert "write lm=data/lm_big" in done.stderr


def test_weights_are_chosen_on_dev_and_used_on_test(tmp_path):
    (line,) = called(tmp_path, "rescore test_big --lm data/lm_big")
    folder = "exp/net/decode"
    assert line == f"rescore {folder}/test --tune {folder}/dev --out {folder}/test_big --lm data/lm_big"


def test_the_last_decode_that_is_named_gives_the_figure(tmp_path):
    lines = called(tmp_path, "score test test_big")
    assert lines == [f"score wer data/manifests/test.jsonl.gz exp/net/decode/{name}" for name in ("test", "test_big")]


def test_a_result_is_scored_against_the_split_that_its_name_begins_with(tmp_path):
    (line,) = called(tmp_path, "data=data/100 exp=exp/100; score test-other_4gram")
    assert line == "score wer data/100/manifests/test-other.jsonl.gz exp/100/net/decode/test-other_4gram"


class TestSettings:
    SET = "set=(decode.nbest=3 training.seed=2 rescore.nbest=2) exp_name=mine; "

    @pytest.mark.parametrize(
        ("k2", "words"),
        [("yes", "--graph data/graph decode.nbest=3"), ("no", "--lm data/lm decode.nbest=3 rescore.nbest=2")],
    )
    def test_of_decode_reach_it_and_those_of_rescore_where_it_searches(self, tmp_path, k2, words):
        for line in called(tmp_path, f"{self.SET} decode dev", k2):
            assert line.startswith("decode exp/mine data/fbank/dev.jsonl.gz ")
            assert line.endswith(words)

    def test_of_rescore_reach_it(self, tmp_path):
        (line,) = called(tmp_path, f"{self.SET} rescore test_big --lm data/lm_big")
        folder = "exp/mine/decode"
        how = "--lm data/lm_big rescore.nbest=2"
        assert line == f"rescore {folder}/test --tune {folder}/dev --out {folder}/test_big {how}"

    @pytest.mark.parametrize(
        ("k2", "stages", "out"),
        [("yes", ":", "refused\n"), ("no", ":", ""), ("yes", "false && rescore test_big", "")],
    )
    def test_of_rescore_are_refused_where_nothing_would_take_them(self, tmp_path, k2, stages, out):
        done = run(tmp_path, f"{self.SET} check_rescoring || echo refused; {stages} || true", k2)
        assert done.stdout == out
        refused = "error: this recipe rescores nothing and decodes by a graph; leave out --set rescore.nbest=2\n"
        assert done.stderr == (refused if out else "")


def test_two_results_of_a_split_are_compared(tmp_path):
    (line,) = called(tmp_path, "compare test test_big")
    assert line == "compare data/manifests/test.jsonl.gz exp/net/decode/test exp/net/decode/test_big"


def test_texts_are_read_as_prose(tmp_path):
    (line,) = called(tmp_path, "lm_text=(a.txt b.gz); prose --language de")
    assert line == "lm text data/prose.txt.gz a.txt b.gz --language de"
