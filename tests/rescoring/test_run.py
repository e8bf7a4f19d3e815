import itertools
import json
import shutil
import tracemalloc
from dataclasses import replace

import pytest

from pyspeech.decoding import archive
from pyspeech.decoding.archive import LATTICE_CODEC, LatticeArchive, ShardWriter, finish_archive
from pyspeech.decoding.frames import FRAME_CODEC
from pyspeech.decoding.lattice import ARC_FIELDS
from pyspeech.decoding.stored import StoredDecode
from pyspeech.errors import UserError
from pyspeech.lang.tokens import WORD_START, PhoneTokens
from pyspeech.rescoring import lexicon_search
from pyspeech.rescoring.config import load_rescore_config
from pyspeech.rescoring.language_model import LanguageModel
from pyspeech.rescoring.run import Rescoring, rescore
from tests.decodes import (
    FRAME_SECONDS,
    KNOWN,
    RARE,
    TOKENS,
    hypotheses,
    hypothesis_lines,
    said,
    save_decode,
    save_lm,
    sentences,
    word_errors,
    write_manifest,
)
from tests.messages import told

METHODS = ("lattice", "nbest", "search")
DEV, TEST = said("dev", sentences(16, seed=3)), said("test", [*sentences(11, seed=4), []])
NEVER_READ = "BAD"
ONE_POINT = ("rescore.tuning.word=[0, 0, 1]", "rescore.tuning.graph=[0, 0, 1]")
FEW = ("rescore.tuning.lm=[0, 1, 1]", *ONE_POINT)  # weights to choose from, where it matters little which


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PYSPEECH_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("folder")
    save_lm(folder / "lm", sentences(300, seed=1))
    save_decode(folder / "dev", DEV, noise=1.7)
    save_decode(folder / "test", TEST, noise=1.7, seed=1000)
    return folder


def run(folder, out, *overrides, decode="test", lm="lm", method="lattice", log=None, keep_lattices=False, **options):
    exact = ("rescore.lattice.beam=60", "rescore.search.beam=40", "rescore.nbest=20")
    job = Rescoring(
        lm=folder / lm,
        method=method,
        config=load_rescore_config(overrides=(*exact, *overrides)),
        **options,
    )
    with told() as lines:
        summary = rescore(folder / decode, job, out, keep_lattices)
    if log is not None:
        log += lines
    return summary


def refused(folder, tmp_path, message, **options):
    out = tmp_path / "out"
    with pytest.raises(UserError, match=message) as caught:
        run(folder, out, **options)
    assert "\n" not in str(caught.value)
    assert not out.exists()
    assert not list(tmp_path.glob("partial.*"))


def all_words(decode):
    return {word for words in hypotheses(decode).values() for word in words}


def copy(folder, tmp_path, name="test", into="copy"):
    return shutil.copytree(folder / name, tmp_path / into)


def test_every_method_mends_most_errors(folder, tmp_path):
    before = word_errors(folder / "test", TEST)
    for method in METHODS:
        summary = run(folder, tmp_path / "out", method=method)
        assert summary["utterances"] == len(TEST)
        assert summary["cut"] == summary["warnings"] == 0
        assert list(hypotheses(tmp_path / "out")) == list(TEST)
        wrong = sum(hypotheses(tmp_path / "out")[id_] != words for id_, words in TEST.items())
        assert wrong < before / 3


@pytest.mark.parametrize("method", METHODS)
def test_the_score_in_the_file_is_what_its_parts_add_up_to(folder, tmp_path, method):
    values = {"lm": 0.8, "graph": 0.5, "word": 0.3, "boost": 2.0}
    (tmp_path / "boost").write_text("CAT SAT\t0.5\n")
    overrides = [f"rescore.weights.{name}={value}" for name, value in values.items()]
    run(folder, tmp_path / "out", *overrides, method=method, boost=tmp_path / "boost")
    lm = LanguageModel(folder / "lm" / "lm.bin")
    for line in hypothesis_lines(tmp_path / "out"):
        words = line["words"]
        graph = sum(-2.0 - 0.1 * KNOWN.index(word) for word in words) if method != "search" else 0.0
        pairs = list(itertools.pairwise(words))
        expected = 0.8 * lm.score(words) + 0.5 * graph + 0.3 * len(words) + 2.0 * pairs.count(("CAT", "SAT"))
        assert line["graph"] == pytest.approx(expected, abs=1e-3)
        assert line["score"] == pytest.approx(line["acoustic"] + line["graph"], abs=1e-3)
        assert [each["word"] for each in line["word_times"]] == words
        assert all(0 <= each["confidence"] <= 1 for each in line["word_times"])


def test_the_methods_agree_where_they_see_the_same_paths(folder, tmp_path):
    save_decode(tmp_path / "short", said("short", (words[:2] for words in sentences(8, seed=6))), noise=2.0)
    for method in ("lattice", "nbest"):
        run(folder, tmp_path / method, f"rescore.nbest={len(KNOWN) ** 2}", decode=tmp_path / "short", method=method)
    in_lattices, in_nbest = (hypothesis_lines(tmp_path / name) for name in ("lattice", "nbest"))
    for one, other in zip(in_lattices, in_nbest, strict=True):
        assert one["words"] == other["words"]
        assert one["score"] == pytest.approx(other["score"], abs=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_what_was_rescored_is_rescored_again(folder, tmp_path, method):
    """The same model finds the same words in the lattices that it left, at the same scores."""
    run(folder, tmp_path / "first", method=method, keep_lattices=True)
    run(folder, tmp_path / "again", decode=tmp_path / "first", keep_lattices=True)
    assert all(line["words"] for id_, line in zip(TEST, hypothesis_lines(tmp_path / "first"), strict=True) if TEST[id_])
    for one, other in zip(*(hypothesis_lines(tmp_path / name) for name in ("first", "again")), strict=True):
        assert one["words"] == other["words"]
        assert one["score"] == pytest.approx(other["score"], abs=1e-3)
    words = LatticeArchive(tmp_path / "again" / "lattices").words
    assert all(max(each.word) < len(words) for each in LatticeArchive(tmp_path / "again" / "lattices"))


def test_weights_are_chosen_on_one_set_and_frozen_for_others(folder, tmp_path):
    log = []
    start = ("rescore.weights.lm=0.25", "rescore.tuning.lm=[0, 2, 0.5]", "rescore.tuning.word=[-1, 1, 1]")
    summary = run(folder, tmp_path / "tuned", *start, tune=folder / "dev", log=log)
    stored = json.loads((tmp_path / "tuned" / "weights.json").read_text())
    assert stored["weights"] == summary["weights"]
    assert summary["weights"]["lm"] > 0.25
    assert summary["weights_chosen_on"] == stored["chosen_on"] == str(folder / "dev")
    assert set(stored["marks"]) == set(DEV)
    assert stored["errors"]["insertions"] + stored["errors"]["substitutions"] < word_errors(folder / "dev", DEV)
    assert log[-1].startswith("chosen: lm ")
    assert log[-1].endswith("%, which is no result, since weights were chosen on it")
    again = run(folder, tmp_path / "again", "rescore.weights.lm=9", weights=tmp_path / "tuned" / "weights.json")
    names = ("hyps.jsonl", "weights.json")
    assert all((tmp_path / "tuned" / name).read_text() == (tmp_path / "again" / name).read_text() for name in names)
    assert (again["weights"], again["weights_chosen_on"]) == (summary["weights"], summary["weights_chosen_on"])
    log.clear()
    run(folder, tmp_path / "other", method="nbest", weights=tmp_path / "tuned" / "weights.json", log=log)
    assert "weights.json was chosen for method lattice, language model " in log[0]


def test_weights_do_not_depend_on_the_set_that_is_reported(folder, tmp_path):
    save_decode(tmp_path / "other", said("other", sentences(3, seed=9)), noise=3.0)
    chosen = [
        run(folder, tmp_path / f"out{n}", *FEW, decode=decode, tune=folder / "dev")["weights"]
        for n, decode in enumerate(("test", tmp_path / "other"))
    ]
    assert chosen[0] == chosen[1]


def test_no_set_reports_weights_that_were_chosen_on_it(folder, tmp_path):
    refused(folder, tmp_path, "test shares 12 utterances .* with .*test, which weights are", tune=folder / "test")
    # The same recordings under other names: as their words and durations tell, where there are enough words.
    long = {"x-0": [*DEV["dev-000"], "CAT"], "x-1": ["CAT"]}
    save_decode(tmp_path / "one", long)
    save_decode(tmp_path / "two", {id_.replace("x", "y"): words for id_, words in long.items()})
    names = {"decode": tmp_path / "one", "tune": tmp_path / "two"}
    refused(folder, tmp_path, r"one shares 1 utterances \(x-0\) with .*two", **names)
    run(folder, tmp_path / "first", *FEW, tune=folder / "dev")
    weights = tmp_path / "first" / "weights.json"
    refused(folder, tmp_path, "dev shares 16 utterances .* with .*dev", decode="dev", weights=weights)
    refused(folder, tmp_path, "leave one out", weights=weights, tune=folder / "dev")


def test_where_manifests_have_stayed_behind_ids_must_do(folder, tmp_path):
    for name in ("test", "dev"):
        copy(folder, tmp_path, name, name)
        summary = tmp_path / name / "decode.json"
        summary.write_text(json.dumps({**json.loads(summary.read_text()), "cuts": "elsewhere.jsonl"}))
    refused(
        tmp_path, tmp_path, "elsewhere.jsonl, which is not here; give --ref", lm=folder / "lm", tune=tmp_path / "dev"
    )
    log = []
    options = {"lm": folder / "lm", "tune": tmp_path / "dev", "references": folder / "dev.jsonl"}
    run(tmp_path, tmp_path / "out", *FEW, log=log, **options)
    assert log[0].startswith("elsewhere.jsonl is not here: a text for --lm is not searched for its sentences")
    names = {"decode": tmp_path / "test", "tune": tmp_path / "test", "references": folder / "test.jsonl"}
    refused(folder, tmp_path / "new", "shares 12 utterances", **names)


def test_another_manifest_in_the_place_of_the_decoded_one_is_refused(folder, tmp_path):
    save_decode(tmp_path / "test", TEST)
    write_manifest(tmp_path / "test.jsonl", DEV)
    message = "test.jsonl has no utterance test-000, which .*test holds; put back the manifest that was decoded"
    refused(tmp_path, tmp_path, message, lm=folder / "lm")


@pytest.mark.parametrize("name", ["test", "dev"])
def test_a_text_with_a_sentence_of_the_sets_trains_no_model_unless_it_is_dropped(folder, tmp_path, name):
    spoken = {"dev": DEV, "test": TEST}[name]
    long = [*(next(iter(spoken.values())) * 2)]
    save_decode(tmp_path / "copy", {f"{name}-long": long})
    text = tmp_path / "text.txt"
    # Shorter than any other sentence of the sets.
    text.write_text("\n".join(" ".join(words) for words in [*(words[:3] for words in sentences(100, seed=1)), long]))
    decodes = {"decode": tmp_path / "copy"} if name == "test" else {"tune": tmp_path / "copy"}
    refused(folder, tmp_path, "held-out sentence", lm=text, **decodes)
    log = []
    run(folder, tmp_path / "out", *FEW, lm=text, drop_held_out=True, log=log, **decodes)
    assert "left out 1 lines that hold a held-out sentence" in "\n".join(log)


def test_what_is_read_is_never_replaced(folder, tmp_path):
    copy(folder, tmp_path, "dev", "dev")
    copy(folder, tmp_path, "test", "test")
    for out in ("test", "dev", "test/new"):
        with pytest.raises(UserError, match="a decode that is read; name another folder for the result"):
            run(tmp_path, tmp_path / out, *FEW, lm=folder / "lm", tune=tmp_path / "dev")
    # Nor another decode; but an earlier result is.
    with pytest.raises(UserError, match=r"holds other things than a rescored decode \(frames\)"):
        run(tmp_path, tmp_path / "dev", lm=folder / "lm")
    for _ in range(2):
        run(tmp_path, tmp_path / "out", *FEW, lm=folder / "lm", keep_lattices=True, tune=tmp_path / "dev")
    assert hypotheses(tmp_path / "dev") == hypotheses(folder / "dev")


@pytest.mark.parametrize("method", METHODS)
def test_a_damaged_archive_leaves_nothing_half_written(folder, tmp_path, monkeypatch, method):
    monkeypatch.setattr(archive, "SHARD_VALUES", 400)
    save_decode(tmp_path / "test", TEST)
    name = "frames" if method == "search" else "lattices"
    shards = sorted((tmp_path / "test" / name).glob("*.npz"), key=lambda path: int(path.stem))
    assert len(shards) > 2
    shard = shards[len(shards) // 2]
    shard.write_bytes(shard.read_bytes()[:-200])
    options = {"lm": folder / "lm", "method": method, "keep_lattices": True}
    refused(tmp_path, tmp_path, rf"{name}/{shard.name} is damaged", **options)
    run(folder, tmp_path / "out")
    before = (tmp_path / "out" / "hyps.jsonl").read_text()
    with pytest.raises(UserError, match="is damaged"):
        run(tmp_path, tmp_path / "out", **options)
    assert (tmp_path / "out" / "hyps.jsonl").read_text() == before


@pytest.mark.parametrize("method", ["lattice", "search"])
@pytest.mark.parametrize("damage", ["fewer", "more", "other"])
def test_hypotheses_and_archives_of_different_utterances_are_refused(folder, tmp_path, method, damage):
    hyps = copy(folder, tmp_path) / "hyps.jsonl"
    lines = hyps.read_text().splitlines()
    more = lines[0].replace("test-000", "test-999")
    changed = {"fewer": lines[:-1], "more": [*lines, more], "other": [more, *lines[1:]]}[damage]
    hyps.write_text("\n".join(changed))
    # The manifest has no more to say of them than that it is another.
    summary = tmp_path / "copy" / "decode.json"
    summary.write_text(summary.read_text().replace("test.jsonl", "elsewhere.jsonl"))
    found = {"fewer": "no more where .* test-011", "more": "test-999 where .* no more", "other": "test-999 .* test-000"}
    refused(folder, tmp_path, f"hyps.jsonl has utterance {found[damage]}", decode=tmp_path / "copy", method=method)


@pytest.mark.parametrize(
    ("method", "lacking", "message"),
    [
        ("lattice", "lattices", "holds no lattices; decode with a graph .*, or rescore by --method search"),
        ("nbest", "lattices", "holds no lattices"),
        ("search", "frames", "holds no frame scores; decode again, without --no-frames"),
        ("search", "lang", "holds no token set"),
        ("lattice", "lang", "holds no token set"),
    ],
)
def test_a_decode_that_lacks_what_a_method_needs_says_so_before_any_work(folder, tmp_path, method, lacking, message):
    shutil.rmtree(copy(folder, tmp_path) / lacking)
    log = []
    options = {"decode": tmp_path / "copy", "method": method, "tune": folder / "dev", "log": log}
    refused(folder, tmp_path, message, **options)
    assert not any("choosing" in line for line in log)


def test_a_greedy_decode_is_searched(folder, tmp_path):
    save_decode(tmp_path / "greedy", TEST, noise=1.7, seed=1000, with_lattices=False)
    run(folder, tmp_path / "out", decode=tmp_path / "greedy", method="search")
    run(folder, tmp_path / "same", method="search")
    assert hypotheses(tmp_path / "out") == hypotheses(tmp_path / "same")


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """Utterances with a word that the graph lacks, and a model that knows it."""
    folder = tmp_path_factory.mktemp("names")
    spoken = said("utt", [["CAT", "SAT", RARE, "SAT"], ["DOG", "CUT", RARE, "CUT"]])
    save_decode(folder / "test", spoken, noise=0.3)
    save_lm(folder / "lm", [*sentences(200, seed=1), *[["CAT", "SAT", RARE, "SAT"]] * 5, *[["DOG", "CUT", RARE]] * 5])
    save_lm(folder / "small", sentences(200, seed=1))
    return folder, spoken


def test_search_finds_words_that_the_graph_lacked(names, tmp_path):
    folder, spoken = names
    assert RARE not in all_words(folder / "test")
    run(folder, tmp_path / "lattice")
    assert RARE not in all_words(tmp_path / "lattice")
    run(folder, tmp_path / "out", "rescore.weights.lm=0.5", method="search")
    assert hypotheses(tmp_path / "out") == spoken


def test_listed_words_are_found_though_neither_graph_nor_model_knows_them(names, tmp_path):
    folder, spoken = names
    for out, options in (("without", {}), ("with", {"words": tmp_path / "words"})):
        (tmp_path / "words").write_text(f"{RARE}\nDOTÉ\n")
        log = []
        run(folder, tmp_path / out, "rescore.weights.lm=0.3", lm="small", method="search", log=log, **options)
    assert hypotheses(tmp_path / "with") == spoken
    assert RARE not in all_words(tmp_path / "without")
    assert log == ["left out, as they cannot be spelled in the model's tokens: 'DOTÉ' (no token covers 'É')"]
    refused(folder, tmp_path, "new words .* need search", lm="small", words=tmp_path / "words")


def test_a_listed_word_is_found_by_the_pronunciation_that_its_list_gives(names, tmp_path):
    folder, spoken = names
    copy(folder, tmp_path)
    shutil.copyfile(folder / "test.jsonl", tmp_path / "test.jsonl")
    shutil.rmtree(tmp_path / "copy" / "lang")
    phones = PhoneTokens(TOKENS.symbols, {word: [(WORD_START, *word)] for word in KNOWN})
    phones.save(tmp_path / "copy" / "lang")
    found = {}
    for word, pronunciation in (("right", " ".join((WORD_START, *RARE))), ("wrong", "A A")):
        (tmp_path / "words").write_text(f"{RARE} {pronunciation}\n")
        options = {"decode": tmp_path / "copy", "lm": "small", "words": tmp_path / "words"}
        run(folder, tmp_path / word, "rescore.weights.lm=0.3", method="search", **options)
        found[word] = hypotheses(tmp_path / word)
    assert found["right"] == spoken
    assert RARE not in {word for words in found["wrong"].values() for word in words}
    (tmp_path / "words").write_text(f"{RARE} X\n")
    refused(folder, tmp_path, f"'{RARE}' has the phone 'X', which the model lacks", method="search", **options)


def test_unknown_words_are_spelled_and_stored_as_unknown(names, tmp_path):
    folder, spoken = names
    # DOG is unknown to this model, as DOT is.
    save_lm(tmp_path / "lm", [["CAT", "SAT", "CAT", "SAT"], ["SAT", "CAT"], ["CAT", "CUT", "SAT"], ["CUT", "SAT"]] * 9)
    prices = ("rescore.unknown.word=1", "rescore.unknown.token=-0.7", "rescore.weights.lm=0.5")
    run(folder, tmp_path / "out", *prices, lm=tmp_path / "lm", method="search", keep_lattices=True)
    assert hypotheses(tmp_path / "out") == spoken
    stored = LatticeArchive(tmp_path / "out" / "lattices")
    assert RARE not in stored.words
    assert all((lattice.word < len(stored.words)).all() for lattice in stored)
    assert any("<unk>" in {stored.words[word] for word in lattice.word.tolist()} for lattice in stored)


@pytest.fixture(scope="module")
def boosted(tmp_path_factory):
    """Utterances with a word that the language model has not read; the training text had it once."""
    folder = tmp_path_factory.mktemp("boosted")
    texts = [[word if word != NEVER_READ else "MAT" for word in words] for words in sentences(300, seed=1)]
    save_lm(folder / "lm", texts)
    counts = {**dict.fromkeys(KNOWN, 100), NEVER_READ: 1, "ZEBRA": 1}
    for name, seed in (("dev", 0), ("test", 1000)):
        save_decode(folder / name, said(name, sentences(14, seed=3 + seed)), noise=1.1, seed=seed, train_words=counts)
    return folder


@pytest.mark.parametrize("method", METHODS)
def test_boosting_finds_rare_words_at_a_weight_that_the_dev_set_chose(boosted, tmp_path, method):
    (tmp_path / "list").write_text(f"{NEVER_READ}\nZEBRA\n")
    few = (*ONE_POINT, "rescore.tuning.lm=[1, 1, 1]", "rescore.tuning.boosts=[0, 2, 4]", "rescore.tuning.max_harm=0.05")
    options = {"method": method, "tune": boosted / "dev"}
    log = []
    plain = run(boosted, tmp_path / "plain", *few, **options)
    summary = run(boosted, tmp_path / "out", *few, boost=tmp_path / "list", log=log, **options)
    assert plain["weights"]["boost"] == 0 < summary["weights"]["boost"]
    found = {
        name: sum(words.count(NEVER_READ) for words in hypotheses(tmp_path / name).values())
        for name in ("plain", "out")
    }
    assert found["out"] > found["plain"]
    assert any("cannot find: ZEBRA" in line for line in log)
    table = [line for line in log if line.startswith("  boost ") and "false words" in line]
    assert len(table) == 3
    assert sum("<- chosen" in line for line in table) == 1
    frozen = tmp_path / "out" / "weights.json"
    run(boosted, tmp_path / "again", *few, boost=tmp_path / "list", weights=frozen, method=method)
    assert hypotheses(tmp_path / "again") == hypotheses(tmp_path / "out")


def test_a_boost_that_is_not_to_be_had_is_said(boosted, folder, tmp_path):
    (tmp_path / "list").write_text(f"{NEVER_READ}\n")
    run(boosted, tmp_path / "plain", *FEW, tune=boosted / "dev")
    log = []
    frozen = tmp_path / "plain" / "weights.json"
    run(boosted, tmp_path / "again", weights=frozen, boost=tmp_path / "list", log=log)
    *_, said_last = log
    assert (
        said_last
        == f"the boost weight is 0, so {tmp_path / 'list'} changes nothing; choose one with --tune and --boost"
    )
    refused(folder, tmp_path, "nobody says a word that training", tune=folder / "dev", boost=tmp_path / "list")
    (copy(boosted, tmp_path, "dev", "dev") / "train_words.tsv").unlink()
    refused(folder, tmp_path, "dev has no train_words.tsv", tune=tmp_path / "dev", boost=tmp_path / "list")
    (tmp_path / "list").write_text("\n")
    refused(folder, tmp_path, "holds no phrase", boost=tmp_path / "list")


BROKEN = {
    "truncated.arpa": "\\data\\\nngram 1=5\nngram 2=3\n\n\\1-grams:\n-0.5\tCAT\t-0.3\n",
    "binary.bin": "mmap lm http://kheafield.com/code format version 4\n\0" + "x" * 200,
    "no.arpa": "CAT SAT\n",
}


@pytest.mark.parametrize("name", list(BROKEN))
def test_a_broken_language_model_is_named(folder, tmp_path, name):
    (tmp_path / name).write_text(BROKEN[name])
    refused(folder, tmp_path, name, lm=tmp_path / name)


def test_a_model_without_unknown_words_is_used_with_a_note(folder, tmp_path):
    arpa = (folder / "lm" / "lm.arpa").read_text()
    lines = [line for line in arpa.splitlines() if "<unk>" not in line]
    count = next(line for line in lines if line.startswith("ngram 1="))
    lines[lines.index(count)] = f"ngram 1={int(count.partition('=')[2]) - 1}"
    (tmp_path / "lm.arpa").write_text("\n".join(lines) + "\n")
    log = []
    run(folder, tmp_path / "out", lm=tmp_path / "lm.arpa", log=log)
    assert log[-1] == "the language model holds no <unk>; a word that it lacks gets log10 probability -100"
    run(folder, tmp_path / "same")
    assert hypotheses(tmp_path / "out") == hypotheses(tmp_path / "same")


def peak(folder, out, method, decode):
    tracemalloc.start()
    run(folder, out, decode=decode, method=method, keep_lattices=True)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


@pytest.mark.parametrize("method", ["lattice", "search"])
def test_more_utterances_take_no_more_memory(folder, tmp_path, monkeypatch, method):
    monkeypatch.setattr(archive, "SHARD_VALUES", 500)  # of a few utterances
    monkeypatch.setattr(lexicon_search, "BATCH_UTTERANCES", 4)
    few, many = (save_decode(tmp_path / f"{count}", {"utt": ["CAT", "SAT"] * 2}) for count in (6, 24))
    for decode in (few, many):
        stored, (line,) = StoredDecode(decode), hypothesis_lines(decode)
        ids = [f"utt-{number:03d}" for number in range(int(decode.name))]
        write_manifest(tmp_path / f"{decode.name}.jsonl", dict.fromkeys(ids, ["CAT", "SAT"] * 2))
        (decode / "hyps.jsonl").write_text("".join(json.dumps({**line, "id": id_}) + "\n" for id_ in ids))
        for name, codec in (("lattices", LATTICE_CODEC), ("frames", FRAME_CODEC)):
            (one,) = getattr(stored, name)
            shutil.rmtree(decode / name)
            with ShardWriter(decode / name, codec) as writer:
                for id_ in ids:
                    writer.write(replace(one, id=id_))
            symbols = {"tokens": TOKENS.symbols, "words": ("<eps>", *KNOWN)}
            finish_archive(decode / name, symbols, FRAME_SECONDS)
    run(folder, tmp_path / "out", decode=few, method=method)  # what is loaded once is not counted
    peaks = [peak(folder, tmp_path / "out", method, decode) for decode in (few, many)]
    lattice = next(iter(StoredDecode(tmp_path / "out").lattices))
    size = sum(getattr(lattice, name).nbytes for name in ARC_FIELDS)
    assert peaks[1] < peaks[0] + (24 - 6) * size / 2


def test_the_summary_and_what_the_next_step_needs_are_there(folder, tmp_path):
    summary = run(folder, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "decode.json").read_text()) == summary
    assert summary["cuts"] == str(folder / "test.jsonl")
    assert summary["settings"]["acoustic_scale"] == summary["weights"]["acoustic"] == 1.0
    assert "weights" not in summary["settings"]  # those used stand above
    names = {"decode.json", "decode_warnings.jsonl", "hyps.jsonl", "lang", "train_words.tsv"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names


@pytest.mark.parametrize("method", METHODS)
def test_a_model_in_the_other_case_gives_the_same_words_and_scores(folder, tmp_path, method):
    save_lm(tmp_path / "small", [[word.lower() for word in words] for words in sentences(300, seed=1)])
    log = []
    for name, lm in (("one", folder / "lm"), ("other", tmp_path / "small")):
        run(folder, tmp_path / name, lm=lm, method=method, log=log, tune=folder / "dev")
    assert f"the words of {tmp_path / 'small'} are read in capitals, as the decode writes them" in log
    one, other = (hypothesis_lines(tmp_path / name) for name in ("one", "other"))
    assert [line["words"] for line in one] == [line["words"] for line in other]
    assert [line["score"] for line in one] == pytest.approx([line["score"] for line in other], abs=1e-4)


def test_a_model_of_prose_is_refused_and_nothing_is_written(folder, tmp_path):
    save_lm(
        tmp_path / "prose",
        [[words[0].title(), *map(str.lower, words[1:-1]), words[-1] + "."] for words in sentences(9)],
    )
    refused(folder, tmp_path, "does not write words as the transcripts do .*pyspeech lm text", lm=tmp_path / "prose")


def test_a_model_of_another_language_is_refused_where_it_can_find_no_word(folder, tmp_path):
    words = [f"W{first}{second}" for first in "ABCDEF" for second in "ABCD"]
    save_lm(tmp_path / "foreign", [words])
    decode = copy(folder, tmp_path)
    (decode / "train_words.tsv").write_text("".join(f"{word}X\t3\n" for word in words))
    refused(folder, tmp_path, "knows 0 of the 24 words", lm=tmp_path / "foreign", decode=decode)


def test_words_of_dev_that_the_model_lacks_are_told(folder, tmp_path):
    save_lm(tmp_path / "short", [["CAT", "SAT", "COT"]] * 3)
    log = []
    run(folder, tmp_path / "out", *FEW, lm=tmp_path / "short", log=log, tune=folder / "dev")
    lacking = [word for words in DEV.values() for word in words if word not in ("CAT", "SAT", "COT")]
    total = sum(map(len, DEV.values()))
    told = f"{folder / 'dev'} that are unknown: {len(lacking) / total:.2%} [ {len(lacking)} / {total} ]: "
    assert any(told in line for line in log)
    log = []
    run(folder, tmp_path / "out", lm=tmp_path / "short", log=log)
    found = hypotheses(folder / "test").values()
    lacking = [word for words in found for word in words if word not in ("CAT", "SAT", "COT")]
    told = f"words of the hypotheses in {folder / 'test'} that are unknown: {len(lacking) / sum(map(len, found)):.2%} "
    assert any(line.startswith(told) for line in log)


def test_what_could_be_found_is_written_for_the_score(folder, tmp_path):
    run(folder, tmp_path / "out", method="search")
    lm = LanguageModel(folder / "lm" / "lm.bin")
    assert (tmp_path / "out" / "words.txt").read_text().split() == lm.words()
