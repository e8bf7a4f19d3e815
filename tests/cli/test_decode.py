import contextlib
import json
import re
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner

from pyspeech.cli.decode import decode
from pyspeech.cli.rescore import rescore
from pyspeech.config import load_config
from pyspeech.data.manifests import write_manifest
from pyspeech.decoding.archive import LatticeArchive
from pyspeech.errors import UserError
from pyspeech.lang.tokens import CharacterTokens
from pyspeech.training.experiment import Sources, run
from pyspeech.transcripts import read_transcripts
from tests.decodes import save_lm
from tests.experiments import ARPA, YAML, save_tone_graph
from tests.tones import PITCHES, WORD_SECONDS, tone_cuts, tone_manifest

# Share of utterances of one to three words out of three: guesses would hit a tenth, a training misses a few at most.
LEAST_RIGHT = 0.5


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A network that was trained on tones, which it learns in seconds."""
    folder = tmp_path_factory.mktemp("tones")
    train, test = tone_manifest(folder / "train.jsonl.gz", 60), tone_manifest(folder / "test.jsonl.gz", 12, seed=1000)
    CharacterTokens.from_words(PITCHES).save(folder / "lang")
    (folder / "conf.yaml").write_text(YAML)
    run(load_config(folder / "conf.yaml"), folder / "exp", Sources(train, test, folder / "lang"), "cpu")
    with contextlib.suppress(ImportError):  # k2's
        save_tone_graph(folder / "graph")
    return folder


def invoke(folder, out, *options):
    arguments = [folder / "exp", folder / "test.jsonl.gz", "--out", out, *options, "--device", "cpu"]
    return CliRunner().invoke(decode, [str(argument) for argument in arguments])


def tone_lm(folder):
    words = list(PITCHES)
    return save_lm(folder, (words[n:] + words[:n] for n in range(len(words)) for _ in range(9)))


def words_found(folder, out):
    """Share of the words that were found in their places, and all lines of hypotheses."""
    lines = [json.loads(line) for line in (out / "hyps.jsonl").read_text(encoding="utf-8").splitlines()]
    references = [each.text.split() for each in read_transcripts(folder / "test.jsonl.gz")]
    right = sum(line["words"] == words for line, words in zip(lines, references, strict=True))
    return right / len(lines), lines


@pytest.mark.parametrize("method", ["greedy", "search", "one-best", "nbest"])
def test_words_and_their_times_are_recognised_from_audio(folder, tmp_path, method):
    options = ["--method", method]
    if method == "search":
        options += ["--lm", tone_lm(tmp_path / "lm"), "rescore.weights.lm=0.5", "decode.nbest=7"]
    elif method != "greedy":
        pytest.importorskip("k2", reason="needs k2, which this lane does not have")
        options += ["--graph", folder / "graph"]
    result = invoke(folder, tmp_path / "out", *options)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{tmp_path / 'out'}: 12 utterances, ")
    right, lines = words_found(folder, tmp_path / "out")
    assert right >= LEAST_RIGHT
    if method == "greedy":
        return
    references = {each.id: each.text.split() for each in read_transcripts(folder / "test.jsonl.gz")}
    for line in lines:
        # A tone lasts as long as the next; a network may say so late, but in the right order and within the audio.
        starts = [each["start"] for each in line["word_times"]]
        assert starts == sorted(starts)
        assert all(0 <= each["start"] < each["end"] <= line["seconds"] for each in line["word_times"])
        assert line["words"] != references[line["id"]] or all(
            abs(start - n * (WORD_SECONDS + 0.05)) < 0.3 for n, start in enumerate(starts)
        )


def test_what_is_chosen_for_a_graph_is_told(folder, tmp_path):
    pytest.importorskip("k2", reason="needs k2, which this lane does not have")
    dev = (cut.with_id(f"dev-{cut.id}") for cut in tone_cuts(tmp_path / "dev", 3, seed=7))
    write_manifest(dev, tmp_path / "dev.jsonl.gz")
    arguments = (folder / "exp", tmp_path / "dev.jsonl.gz", "--out", tmp_path / "dev_out", "--method", "greedy")
    assert CliRunner().invoke(decode, [*map(str, arguments), "--device", "cpu"]).exit_code == 0
    result = invoke(folder, tmp_path / "out", "--graph", folder / "graph", "--tune", tmp_path / "dev_out")
    assert result.exit_code == 0, result.output
    settings = json.loads((tmp_path / "out/decode.json").read_text())["settings"]
    told = f"acoustic_scale {settings['acoustic_scale']:g}, blank_penalty {settings['blank_penalty']:g}"
    assert result.stdout.endswith(f"; {told} (chosen on {tmp_path / 'dev_out'})\n")


@pytest.mark.parametrize("method", ["lattice", "nbest", "search"])
def test_a_decode_is_rescored_by_every_method(folder, tmp_path, method):
    pytest.importorskip("k2", reason="needs k2, which this lane does not have")
    assert invoke(folder, tmp_path / "first", "--graph", folder / "graph").exit_code == 0
    # A model that has never read MID, and one that has read all three.
    for words in (("LOW", "HIGH"), ("LOW", "MID", "HIGH")):
        lm = save_lm(tmp_path / "-".join(words), (words[n:] + words[:n] for n in range(len(words)) for _ in range(9)))
        arguments = [tmp_path / "first", "--lm", lm, "--out", tmp_path / "out", "--method", method]
        result = CliRunner().invoke(rescore, [*map(str, arguments), "rescore.weights.lm=0.5"])
        assert result.exit_code == 0, result.output
        right, lines = words_found(folder, tmp_path / "out")
        if "MID" in words:
            assert right >= LEAST_RIGHT
        for line in lines:
            assert line["words"]
            assert all(0 <= each["start"] < each["end"] <= line["seconds"] for each in line["word_times"])


def test_words_that_the_language_model_lacks_never_empty_an_utterance(folder, tmp_path):
    pytest.importorskip("k2", reason="needs k2, which this lane does not have")
    without_mid = ARPA.replace("ngram 1=5", "ngram 1=4").replace("-0.6\tMID\n", "")
    save_tone_graph(tmp_path / "graph", arpa_text=without_mid)
    result = invoke(folder, tmp_path / "out", "--graph", tmp_path / "graph")
    assert result.exit_code == 0, result.output
    references = [each.text.split() for each in read_transcripts(folder / "test.jsonl.gz")]
    _, lines = words_found(folder, tmp_path / "out")
    assert ["MID"] in references
    for line in lines:
        assert line["words"]
        assert set(line["words"]) <= {"LOW", "HIGH"}
    pairs = zip(lines, references, strict=True)
    assert sum(abs(len(line["words"]) - len(each)) for line, each in pairs) <= sum(map(len, references)) / 2


def test_a_search_that_dies_leaves_the_greedy_words_and_a_warning(folder, tmp_path):
    pytest.importorskip("k2", reason="needs k2, which this lane does not have")
    # Words so long that no utterance reaches the end of one; a wide search would end without a word instead.
    save_tone_graph(tmp_path / "graph", arpa_text=re.sub("(LOW|MID|HIGH)", 8 * r"\1", ARPA))
    tight = ["decode.search_beam=0.01", "decode.max_active_states=1", "decode.min_active_states=0"]
    result = invoke(folder, tmp_path / "out", "--graph", tmp_path / "graph", *tight)
    assert result.exit_code == 0, result.output
    assert "warnings in" in result.stdout
    right, lines = words_found(folder, tmp_path / "out")
    assert right >= 0.8
    warnings = (tmp_path / "out" / "decode_warnings.jsonl").read_text(encoding="utf-8").splitlines()
    stood_in = {json.loads(line)["id"] for line in warnings if "the greedy words stand in" in line}
    assert stood_in
    assert stood_in <= {line["id"] for line in lines}
    assert len(list(LatticeArchive(tmp_path / "out" / "lattices"))) == len(lines)


def test_settings_come_from_file_and_words(folder, tmp_path):
    (tmp_path / "mine.yaml").write_text("include: [decode]\ndecode:\n  search_beam: 11\n  nbest: 5\n")
    options = ["--method", "greedy", "--config", tmp_path / "mine.yaml", "--jobs", "1", "decode.nbest=7"]
    assert invoke(folder, tmp_path / "out", *options).exit_code == 0
    settings = json.loads((tmp_path / "out" / "decode.json").read_text())["settings"]
    assert (settings["search_beam"], settings["nbest"], settings["output_beam"]) == (11, 7, 8)


def test_lattices_and_frames_are_left_out_on_demand(folder, tmp_path):
    assert invoke(folder, tmp_path / "greedy", "--method", "greedy", "--no-frames").exit_code == 0
    assert not (tmp_path / "greedy" / "frames").exists()
    pytest.importorskip("k2", reason="needs k2, which this lane does not have")
    for option, left_out, left in (("--no-frames", "frames", "lattices"), ("--no-lattices", "lattices", "frames")):
        assert invoke(folder, tmp_path / "out", "--graph", folder / "graph", option).exit_code == 0
        assert not (tmp_path / "out" / left_out).exists()
        assert (tmp_path / "out" / left).exists()


def test_the_words_of_the_training_text_come_with_a_decode(folder, tmp_path):
    assert invoke(folder, tmp_path / "out", "--method", "greedy").exit_code == 0
    words = (tmp_path / "out" / "train_words.tsv").read_text(encoding="utf-8")
    assert words == (folder / "exp" / "train_words.tsv").read_text(encoding="utf-8")
    assert {line.split("\t")[0] for line in words.splitlines()} == set(PITCHES)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--method", "one-best"], "--method one-best needs --graph"),
        ([], "--method one-best needs --graph"),
        (["--method", "nbest"], "--method nbest needs --graph"),
        (["--method", "greedy", "--graph", "graph"], "--method greedy and --graph exclude each other"),
        (["--method", "own", "--graph", "graph"], "--method own and --graph exclude each other"),
        (["--method", "own"], "--method own needs decode.own"),
        (["--method", "search", "--graph", "graph"], "--method search and --graph exclude each other"),
        (["--method", "search"], "--method search needs --lm"),
        (["--method", "search", "--lm", "lm", "--no-frames"], "leave out --no-frames"),
        (["--method", "greedy", "--lm", "lm"], "--lm goes with --method search"),
        (["--method", "greedy", "--tune", "dev"], "--tune and --weights go with --graph, or with --method search"),
    ],
)
def test_graph_and_methods_without_exclude_each_other_and_one_is_needed(folder, tmp_path, options, message):
    result = invoke(folder, tmp_path / "out", *options)
    assert result.exit_code == 2
    assert message in result.output


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"exp": "nothing"}, ["--method", "greedy"], "no trained model at"),
        ({"cuts": "nothing.jsonl.gz"}, ["--method", "greedy"], "no manifest at"),
        ({}, ["--method", "greedy", "rescore.nbest=3"], "write decode.key=value"),
        ({}, ["--method", "search", "--lm", "lm", "rescore.nbests=3"], "unknown key 'nbests'"),
        ({}, ["--method", "greedy", "decode.batch_second=3"], "unknown key 'batch_second'; did you mean"),
        ({}, ["--method", "greedy", "--config", "nothing.yaml"], "no configuration at nothing.yaml"),
        ({}, ["--method", "greedy", "--device", "tpu"], "'tpu' is not a device"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_written(folder, tmp_path, change, options, message):
    given = {"exp": "exp", "cuts": "test.jsonl.gz", **change}
    arguments = [str(folder / given["exp"]), str(folder / given["cuts"]), "--out", str(tmp_path / "out"), *options]
    result = CliRunner().invoke(decode, arguments)
    assert isinstance(result.exception, UserError)
    assert message in str(result.exception)
    assert not list(tmp_path.iterdir())


def test_without_out_the_decode_stands_in_the_experiment(folder, tmp_path):
    shutil.copytree(folder / "exp", tmp_path / "exp")
    arguments = [str(tmp_path / "exp"), str(folder / "test.jsonl.gz"), "--method", "greedy"]
    assert CliRunner().invoke(decode, arguments).exit_code == 0
    assert (tmp_path / "exp" / "decode" / "test" / "hyps.jsonl").exists()


def test_a_graph_that_is_not_there_is_named(folder, tmp_path):
    pytest.importorskip("k2", reason="needs k2, which this lane does not have")
    for jobs in ("1", "2"):
        result = invoke(folder, tmp_path / "out", "--graph", tmp_path / "nothing", "--jobs", jobs)
        assert isinstance(result.exception, UserError)
        assert "no decoding graph at" in str(result.exception)
        assert not list(tmp_path.iterdir())


def test_without_k2_the_error_says_which_lane_has_it(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "k2", None)
    monkeypatch.delitem(sys.modules, "pyspeech.decoding.search", raising=False)
    result = invoke(folder, tmp_path / "out", "--graph", folder / "graph")
    assert isinstance(result.exception, UserError)
    message = str(result.exception)
    assert "--method one-best needs the package k2, which is not installed; run: tools/install.sh" in message
    assert "or decode without a graph, by --method search --lm LM" in message


def test_help_is_quick_and_imports_nothing_heavy():
    program = (
        "import sys\nfrom click.testing import CliRunner\nfrom pyspeech.cli import cli\n"
        "result = CliRunner().invoke(cli, ['decode', '--help'])\n"
        "assert '--method' in result.output, result.output\n"
        "assert not {'torch', 'numpy', 'lhotse', 'k2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
