import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from pyspeech.cli.compare import compare
from pyspeech.cli.export_text import export_text
from pyspeech.cli.lattice import lattice
from pyspeech.cli.rescore import rescore
from pyspeech.cli.score import score
from tests.decodes import hypotheses, said, save_decode, save_lm, sentences

DEV, TEST = said("dev", sentences(8, seed=3)), said("test", sentences(8, seed=4))
FEW = ("rescore.tuning.lm=[0, 2, 1]", "rescore.tuning.word=[0, 0, 1]", "rescore.tuning.graph=[0, 0, 1]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("folder")
    save_lm(folder / "lm", sentences(300, seed=1))
    save_decode(folder / "dev", DEV, noise=1.7)
    save_decode(folder / "test", TEST, noise=1.7, seed=1000)
    return folder


def invoke(command, *words):
    done = CliRunner().invoke(command, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


def run(folder, out, *words):
    return invoke(rescore, folder / "test", "--lm", folder / "lm", "--out", out, *words)


def test_the_last_line_tells_the_weights_and_where_they_are_from(folder, tmp_path):
    plain = run(folder, tmp_path / "plain")
    seconds = json.loads((tmp_path / "plain" / "decode.json").read_text())["wall_seconds"]
    assert plain.stdout == (
        f"{tmp_path / 'plain'}: 8 utterances, 4 s of audio in {seconds:.1f} s; "
        "weights: lm 1, graph 0, word 0, boost 0, blank 0 (not tuned)\n"
    )
    assert not plain.stderr
    tuned = run(folder, tmp_path / "tuned", *FEW, "--tune", folder / "dev")
    assert tuned.stdout.endswith(f"(chosen on {folder / 'dev'})\n")
    assert tuned.stderr.startswith(
        f"words of {folder / 'dev'} that are unknown: 0.00% [ 0 / 32 ]\n"
        f"choosing weights on the 8 utterances of {folder / 'dev'}\n"
    )
    again = run(folder, tmp_path / "again", "--weights", tmp_path / "tuned" / "weights.json")
    assert again.stdout.partition("weights:")[2] == tuned.stdout.partition("weights:")[2]
    assert not again.stderr


def test_what_was_cut_or_broken_off_is_counted(folder, tmp_path):
    done = run(folder, tmp_path / "out", "rescore.lattice.max_states=2")
    cut = json.loads((tmp_path / "out" / "decode.json").read_text())["cut"]
    assert 0 < cut <= 8
    assert f", {cut} cut by rescore.lattice.max_states; weights" in done.stdout
    # A search so narrow that no path ends with a word, which names what stands in for it.
    narrow = ("--method", "search", "rescore.search.max_hypotheses=1", "rescore.unknown.word=-1000")
    done = run(folder, tmp_path / "out", *narrow)
    warnings = [json.loads(line) for line in (tmp_path / "out" / "decode_warnings.jsonl").read_text().splitlines()]
    assert f", {len(warnings)} warnings in {tmp_path / 'out' / 'decode_warnings.jsonl'};" in done.stdout
    assert {each["problem"] for each in warnings} == {"no path ended with a word: the last one is broken off"}
    assert all(words and all(words) for words in hypotheses(tmp_path / "out").values())


def test_options_reach_the_run(folder, tmp_path):
    (tmp_path / "words").write_text("DOT\n")
    (tmp_path / "rescore.yaml").write_text("include: [rescore]\nrescore: {weights: {lm: 0.5}}\n")
    run(folder, tmp_path / "out", "--words", tmp_path / "words", "--config", tmp_path / "rescore.yaml")
    summary = json.loads((tmp_path / "out" / "decode.json").read_text())
    assert (summary["method"], summary["words"]) == ("rescore search", str(tmp_path / "words"))
    assert summary["weights"]["lm"] == 0.5
    run(folder, tmp_path / "out", "--method", "nbest", "--n", 7)
    summary = json.loads((tmp_path / "out" / "decode.json").read_text())
    assert (summary["method"], summary["settings"]["nbest"]) == ("rescore nbest", 7)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--n", "7"], "--n goes with --method nbest"),
        (["--espeak", "de"], "--espeak goes with --method search"),
        (["--references", "dev.jsonl"], "--references goes with --tune"),
        (["--method", "best"], "'best' is not one of"),
    ],
)
def test_options_that_do_not_go_together_are_refused(folder, tmp_path, words, message):
    arguments = [folder / "test", "--lm", folder / "lm", "--out", tmp_path / "out", *words]
    done = CliRunner().invoke(rescore, [str(word) for word in arguments])
    assert done.exit_code == 2
    assert message in done.output


def test_a_rescored_folder_is_scored_compared_exported_and_drawn_as_any_decode(folder, tmp_path):
    out = tmp_path / "out"
    for method in ("lattice", "nbest", "search"):
        run(folder, out, "--method", method, "--lattices")
        manifest = folder / "test.jsonl"
        before, after = (
            float(invoke(score, "wer", manifest, each).stdout.splitlines()[-1].split()[1])
            for each in (folder / "test", out)
        )
        assert after < before
        assert "out" in invoke(compare, manifest, folder / "test", out).stdout
        ctm = invoke(export_text, out, "--format", "ctm").stdout
        assert [line.split()[4] for line in ctm.splitlines()] == [
            word for words in hypotheses(out).values() for word in words
        ]
        drawn = invoke(lattice, "draw", out, "test-000").stdout
        assert drawn.startswith('digraph "test-000" {\n')
        assert all(word in drawn for word in hypotheses(out)["test-000"])


def test_errors_are_one_line(folder, tmp_path):
    arguments = ["rescore", folder / "test", "--lm", tmp_path / "none", "--out", tmp_path / "out"]
    done = subprocess.run(
        [sys.executable, "-m", "pyspeech", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: no language model at {tmp_path / 'none'}; check the path, or run the stage that makes it\n"
    )


def test_rescoring_needs_neither_torch_nor_k2_nor_lhotse(folder, tmp_path):
    program = (
        "import sys\n"
        "import pyspeech.cli.rescore\n"
        "pyspeech.cli.rescore.rescore(sys.argv[1:], standalone_mode=False)\n"
        "assert not {'torch', 'k2', 'lhotse'} & set(sys.modules), sorted(sys.modules)\n"
    )
    arguments = [folder / "test", "--lm", folder / "lm", "--out", tmp_path / "out", "--method", "search"]
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_help_names_every_option_and_what_the_scores_are():
    text = invoke(rescore, "--help").output
    assert "acoustic * network + lm * new LM + graph * old graph" in " ".join(text.split())
    for name in ("lm", "out", "method", "n", "tune", "weights", "references", "words", "boost", "espeak", "lattices"):
        assert f"  --{name} " in text
