import itertools
import math
import random
import string
import subprocess
import sys

import kenlm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="needs torch, which this lane does not have")
k2 = pytest.importorskip("k2", reason="needs k2, which this lane does not have")

from safetensors.torch import save_file  # noqa: E402

from pyspeech.errors import UserError  # noqa: E402
from pyspeech.files import digest  # noqa: E402
from pyspeech.graph.compose import (  # noqa: E402
    Compilation,
    choose_topology,
    compile_graph,
    ctc_topology,
    load_graph,
    make_graph,
    save_graph,
    spell,
)
from pyspeech.lang.tokens import CharacterTokens, PhoneTokens  # noqa: E402
from pyspeech.lm.ngram import LmSettings, train_lm  # noqa: E402
from pyspeech.tensor_files import read_header, read_tensors, write_tensors  # noqa: E402
from tests.damage import limited_files  # noqa: E402
from tests.messages import told  # noqa: E402

SYMBOLS = ("<blk>", "X", "Y", "Z")
# Homophones (two, too), a word that begins others (x), repeated tokens (xx), several ways (either).
SPELLINGS = {
    "x": [[1]],
    "xx": [[1, 1]],
    "xy": [[1, 2]],
    "two": [[2]],
    "too": [[2]],
    "either": [[3], [2, 3], [1]],
}


def train(folder, lines, order=2):
    (folder / "text").write_text("\n".join(lines))
    train_lm(folder / "lm", [folder / "text"], LmSettings(order), memory="100M")
    return folder / "lm" / "lm.arpa"


def compiled(arpa, topology="plain", spellings=None, symbols=SYMBOLS):
    return compile_graph(symbols, spellings or SPELLINGS, arpa, topology, Compilation())


@pytest.fixture(scope="module")
def bigram(tmp_path_factory):
    draw = random.Random(1)
    lines = [" ".join(draw.choices([*SPELLINGS, "unspelled"], k=draw.randint(1, 5))) for _ in range(12)]
    return train(tmp_path_factory.mktemp("lm"), lines)


def decode(graph, log_probs_TV):
    """The best path's score and words, without pruning."""
    T = len(log_probs_TV)
    dense = k2.DenseFsaVec(torch.tensor(log_probs_TV)[None], torch.tensor([[0, 0, T]], dtype=torch.int32))
    lattice = k2.intersect_dense(k2.create_fsa_vec([graph.fsa]), dense, output_beam=1e6)
    best = k2.shortest_path(lattice, use_double_scores=True)
    score = best.get_tot_scores(use_double_scores=True, log_semiring=False).item()
    return score, tuple(graph.words[word] for word in best.aux_labels.values.tolist() if word > 0)


def meanings(frames, topology):
    """All token sequences that the labels of frames may stand for."""
    found = {()}
    last = 0
    for label in frames:
        again = {(*tokens, label) for tokens in found}
        if label == 0:
            again = found
        elif label == last:
            again = found | again if topology == "modified" else found
        found, last = again, label
    return found


def best_alignments(log_probs_TV, topology):
    """Token sequence -> score of its best alignment, by listing all labels of all frames."""
    best = {}
    T, V = log_probs_TV.shape
    for frames in itertools.product(range(V), repeat=T):
        score = float(sum(log_probs_TV[t, label] for t, label in enumerate(frames)))
        for tokens in meanings(frames, topology):
            best[tokens] = max(best.get(tokens, -math.inf), score)
    return best


def brute_force(log_probs_TV, arpa, topology="plain"):
    """The best of all word sequences in all their spellings, scored by KenLM."""
    acoustic = best_alignments(log_probs_TV, topology)
    model = kenlm.Model(str(arpa.with_name("lm.bin")))
    ways = [(word, tuple(way)) for word, every in SPELLINGS.items() for way in every]
    best, waiting = (-math.inf, ()), [((), ())]
    while waiting:
        words, tokens = waiting.pop()
        score = acoustic[tokens] + model.score(" ".join(words)) * math.log(10)
        best = max(best, (score, words))
        waiting += [
            ((*words, word), (*tokens, *way)) for word, way in ways if acoustic.get((*tokens, *way), -math.inf) > -99
        ]
    return best


def random_log_probs(seed, frames, spread=3.0):
    logits_TV = np.random.default_rng(seed).normal(0, spread, (frames, len(SYMBOLS)))
    return (logits_TV - np.log(np.exp(logits_TV).sum(1, keepdims=True))).astype(np.float32)


@pytest.mark.parametrize("topology", ["plain", "modified"])
def test_the_best_path_is_the_best_word_sequence_of_brute_force(bigram, topology):
    graph = compiled(bigram, topology)
    decoded = set()
    for seed in range(30):
        log_probs_TV = random_log_probs(seed, 4)
        score, words = decode(graph, log_probs_TV)
        best_score, best_words = brute_force(log_probs_TV, bigram, topology)
        assert score == pytest.approx(best_score, abs=1e-4)
        assert words == best_words
        decoded.update(words)
    assert decoded >= {"xx", "xy", "either"}
    assert decoded & {"two", "too"}


@given(
    lines=st.lists(st.lists(st.sampled_from([*SPELLINGS]), min_size=1, max_size=5), min_size=1, max_size=8),
    seed=st.integers(0, 999),
)
@settings(max_examples=15)
def test_any_bigram_model_decodes_as_brute_force(tmp_path_factory, lines, seed):
    arpa = train(tmp_path_factory.mktemp("lm"), [*map(" ".join, lines), " ".join(SPELLINGS)])
    log_probs_TV = random_log_probs(seed, 4)
    score, _ = decode(compiled(arpa), log_probs_TV)
    assert score == pytest.approx(brute_force(log_probs_TV, arpa)[0], abs=1e-4)


def sure_of(tokens):
    """Frames that say ``tokens``, a blank between any two."""
    log_probs_TV = np.full((2 * len(tokens) + 1, len(SYMBOLS)), -50, np.float32)
    for t in range(len(log_probs_TV)):
        log_probs_TV[t, tokens[t // 2] if t % 2 else 0] = 0
    return log_probs_TV


def test_every_sequence_of_words_is_accepted_however_unlikely(tmp_path):
    spelling = {"x": [1], "xx": [1, 1], "xy": [1, 2], "two": [2]}
    arpa = train(tmp_path, ["x xy", "xx", "two", "unspelled two"], order=3)
    graph = compiled(arpa, spellings={word: [way] for word, way in spelling.items()})
    for words in itertools.product(spelling, repeat=3):
        tokens = [token for word in words for token in spelling[word]]
        score, found = decode(graph, sure_of(tokens))
        assert score > -50
        assert [token for word in found for token in spelling[word]] == tokens


def test_a_trigram_path_is_never_below_kenlm(tmp_path):
    arpa = train(tmp_path, ["x xy two", "xx x xy", "two x xy either", "too x xy two", "either xx"], order=3)
    graph = compiled(arpa)
    for seed in range(20):
        log_probs_TV = random_log_probs(seed, 4)
        assert decode(graph, log_probs_TV)[0] >= brute_force(log_probs_TV, arpa)[0] - 1e-4


def test_words_without_a_spelling_are_neither_in_the_graph_nor_in_its_words(bigram):
    graph = compiled(bigram)
    assert graph.words == ("<eps>", *SPELLINGS)
    assert int(graph.fsa.aux_labels.values.max()) == len(SPELLINGS)
    assert int(graph.fsa.labels.max()) < len(SYMBOLS)
    assert graph.symbols_digest == digest(list(SYMBOLS))


def test_tokens_are_the_labels_without_repetitions(bigram):
    fsa = compiled(bigram).fsa
    new = fsa.tokens > 0
    assert (fsa.tokens[new] == fsa.labels[new]).all()
    assert (fsa.tokens == 0).any()


def test_a_stored_graph_is_the_graph(bigram, tmp_path):
    graph = compiled(bigram)
    save_graph(graph, {"symbols_digest": graph.symbols_digest}, tmp_path / "graph")
    loaded = load_graph(tmp_path / "graph")
    assert (loaded.words, loaded.symbols_digest) == (graph.words, graph.symbols_digest)
    assert torch.equal(loaded.fsa.arcs.values(), graph.fsa.arcs.values())
    assert torch.equal(loaded.fsa.scores, graph.fsa.scores)
    assert torch.equal(loaded.fsa.tokens, graph.fsa.tokens)
    assert loaded.fsa.aux_labels == graph.fsa.aux_labels
    for seed in range(10):
        log_probs_TV = random_log_probs(seed, 6)
        assert decode(loaded, log_probs_TV) == decode(graph, log_probs_TV)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("graph.safetensors", b"short"),
        ("graph.json", b"{}"),
        ("graph.json", b"{"),
        ("graph.json", b"[1]"),
        ("graph.json", b'{"symbols_digest": 1}'),
        ("words.txt", None),
        ("words.txt", b""),
        ("words.txt", b"<eps>\nx\nx\n"),
        ("words.txt", b"<eps>\nx\n\n"),
        ("words.txt", b"x\n<eps>\n"),
        ("words.txt", b"<eps>\nx\nxx\nxy\ntwo\ntwo2\neither\n"),
        ("words.txt", b"<eps>\n"),
        ("words.txt", b"\xff\n" * 99),
    ],
)
def test_a_damaged_graph_is_refused(bigram, tmp_path, name, content):
    graph = compiled(bigram)
    save_graph(graph, {"symbols_digest": graph.symbols_digest}, tmp_path / "graph")
    path = tmp_path / "graph" / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(UserError, match="graph"):
        load_graph(tmp_path / "graph")


def tensors_of(graph, folder):
    save_graph(graph, {"symbols_digest": graph.symbols_digest}, folder)
    path = folder / "graph.safetensors"
    return read_tensors(path, "graph", "again"), read_header(path, "graph", "again")


FINAL_ARC = 10**6  # stands for the first of those

# A number in its place, and what is said of it.
FORGED = [
    ("arcs", (0, 0), 1, "array 'arcs': at place 0, expected the state of the arc before"),
    ("arcs", (0, 0), -1, "array 'arcs': at place 0"),
    ("arcs", (-1, 0), 2**31 - 1, "array 'arcs': at place"),
    ("arcs", (1, 0), 2, "array 'arcs': at place"),
    ("arcs", (0, 1), -1, "array 'arcs, targets': holds -1, expected 0 to"),
    ("arcs", (0, 1), 2**31 - 1, "array 'arcs, targets': holds 2147483647, expected 0 to"),
    ("arcs", (0, 2), -2, "array 'arcs, labels': holds -2"),
    ("arcs", (0, 2), -1, "expected the label -1 into the final state"),
    ("arcs", (FINAL_ARC, 2), 1, "expected the label -1 into the final state"),
    ("arcs", (FINAL_ARC, 1), 0, "expected the label -1 into the final state"),
    ("arcs", (0, 3), 0x7FC00000, "array 'arcs, scores': holds nan"),
    ("arcs", (0, 3), 0x7F800000, "array 'arcs, scores': holds inf"),
    ("arcs", (0, 3), 0x7F7FFFFF, "array 'arcs, scores': holds 3.4"),
    ("tokens", 0, -5, "array 'tokens': at place 0, expected the label of the arc, or 0"),
    ("tokens", 0, 99, "array 'tokens': at place 0"),
    ("aux_labels.values", 0, 99, "array 'aux_labels.values': holds 99, expected -1 to 6"),
    ("aux_labels.values", 0, -2, "array 'aux_labels.values': holds -2"),
    ("aux_labels.row_splits", 0, 1, "array 'aux_labels.row_splits': "),
    ("aux_labels.row_splits", 0, -1, "expected 0 to"),
    ("aux_labels.row_splits", 1, 2**31 - 1, "array 'aux_labels.row_splits': at place 1, expected no end before"),
    ("aux_labels.row_splits", -1, 2**31 - 1, "expected 0 to"),
]


@pytest.mark.parametrize(("name", "place", "value", "message"), FORGED)
def test_a_number_that_k2_would_believe_is_named(bigram, tmp_path, name, place, value, message):
    tensors, header = tensors_of(compiled(bigram), tmp_path / "graph")
    if place in ((FINAL_ARC, 1), (FINAL_ARC, 2)):
        place = (int((tensors["arcs"][:, 2] == -1).nonzero()[0]), place[1])
    tensors[name][place] = value
    write_tensors(tmp_path / "graph/graph.safetensors", tensors, header)
    with pytest.raises(UserError, match=r"graph holds no complete decoding graph.*; make the graph again") as caught:
        load_graph(tmp_path / "graph")
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["arcs", "tokens", "aux_labels.values", "aux_labels.row_splits"])
def test_arrays_of_another_form_are_named(bigram, tmp_path, name):
    tensors, header = tensors_of(compiled(bigram), tmp_path / "graph")
    for other in (tensors[name].long(), tensors[name][None], tensors[name][:0], tensors[name].float(), None):
        forged = (
            {**tensors, name: other} if other is not None else {each: tensors[each] for each in {*tensors} - {name}}
        )
        write_tensors(tmp_path / "graph/graph.safetensors", forged, header)
        with pytest.raises(UserError, match=r"graph holds no complete decoding graph.*; make the graph again"):
            load_graph(tmp_path / "graph")


def test_a_graph_of_an_earlier_version_is_made_again(bigram, tmp_path):
    tensors, _ = tensors_of(compiled(bigram), tmp_path / "graph")
    save_file(tensors, str(tmp_path / "graph/graph.safetensors"))
    with pytest.raises(UserError, match=r"no header of pyspeech.*; make the graph again"):
        load_graph(tmp_path / "graph")


TIMES = 120

# In a process of its own, as what is not caught ends one: changes one number at a time, or one byte of the file.
HAMMER = """
import sys
from pathlib import Path
import numpy as np, torch
from pyspeech.decoding.config import load_decode_config
from pyspeech.decoding.lattice import ARC_FIELDS, check_lattices
from pyspeech.decoding.search import GraphSearch
from pyspeech.errors import UserError
from pyspeech.graph.compose import load_graph
from pyspeech.tensor_files import read_header, read_tensors, write_tensors
from tests.damage import flipped_bytes

folder, num_tokens = Path(sys.argv[1]), int(sys.argv[2])
path, rng = folder / "graph.safetensors", np.random.default_rng(0)
whole, tensors, header = path.read_bytes(), read_tensors(path, "graph", ""), read_header(path, "graph", "")
log_probs_BTV = torch.from_numpy(rng.normal(0, 2, (2, 6, num_tokens)).astype(np.float32)).log_softmax(2)

def numbers():
    extremes = (-(2**31), -2, -1, 0, 1, 2, 3, 2**31 - 1, 0x7FC00000, -0x800000)
    for number in range(int(sys.argv[3])):
        changed = {name: tensor.clone() for name, tensor in tensors.items()}
        name = sorted(changed)[number % len(changed)]
        flat = changed[name].view(-1)
        place = int(rng.integers(len(flat)))
        near = int(flat[place]) + int(rng.integers(-3, 4))
        flat[place] = near if number % 2 else int(rng.choice(extremes))
        write_tensors(path, changed, header)
        yield

def flips():
    for _, content in flipped_bytes(whole, int(sys.argv[3])):
        path.write_bytes(content)
        yield

def search():
    try:
        graph = load_graph(folder)
        if int(graph.fsa.labels.max()) >= num_tokens:
            return "other tokens"
    except UserError:
        return "refused"
    found = GraphSearch(graph.fsa, load_decode_config())(["a", "b"], log_probs_BTV, [6, 4])
    for each in found:
        if each.lattice is not None:
            lattice = each.lattice
            arcs = {name: getattr(lattice, name) for name in ARC_FIELDS}
            bounds, frames = np.array([0, lattice.num_arcs]), np.array([lattice.num_frames])
            check_lattices(arcs, bounds, frames, num_tokens, len(graph.words))
    return [each.lattice and (each.lattice.num_arcs, float(each.lattice.scores(1.0).sum())) for each in found]

right = search()
print("right", right, flush=True)
for _ in numbers():
    print("number", search(), flush=True)
for _ in flips():
    found = search()
    print("flip", found if found in (right, "refused") else "WRONG", flush=True)
"""


def test_no_damage_ends_the_process_or_gives_anything_but_lattices(bigram, tmp_path):
    tensors_of(compiled(bigram, "modified"), tmp_path / "graph")
    done = subprocess.run(
        [sys.executable, "-c", HAMMER, str(tmp_path / "graph"), str(len(SYMBOLS)), str(TIMES)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["right"] + ["number"] * TIMES + ["flip"] * TIMES
    assert not [line for line in lines if "WRONG" in line]
    assert sum("refused" in line for line in lines) > TIMES
    assert sum("[(" in line for line in lines) > TIMES / 30  # some scores and words may well be others


def test_a_full_disk_is_one_clear_error_and_leaves_nothing(bigram, tmp_path):
    graph = compiled(bigram)
    with limited_files(1000), pytest.raises(UserError, match=r"cannot write .*graph\.safetensors: .*; free space"):
        save_graph(graph, {}, tmp_path / "graph")
    assert not list(tmp_path.iterdir())


def test_the_same_inputs_give_the_same_graph(bigram):
    first, second = compiled(bigram), compiled(bigram)
    assert torch.equal(first.fsa.arcs.values(), second.fsa.arcs.values())
    assert first.fsa.aux_labels == second.fsa.aux_labels


LEXICON = {"two": (("Y",),), "x": (("X",), ("X", "X")), "odd": (("Q",),)}


def test_words_that_cannot_be_spelled_are_listed_and_the_unknown_word_is_not_a_word():
    tokens = PhoneTokens(SYMBOLS, LEXICON)
    spelled = spell(tokens, ["<unk>", "x", "new", "odd", "two"])
    assert dict(spelled.spellings) == {"x": [[1], [1, 1]], "two": [[2]]}
    assert spelled.missing == ("new", "odd")
    characters = CharacterTokens.from_words(["<unk>", "x"])
    assert list(spell(characters, ["<unk>", "x"]).spellings) == ["x"]
    heard = PhoneTokens(SYMBOLS, {**LEXICON, "<unk>": (("Z",),)})
    assert list(spell(heard, ["<unk>", "x"]).spellings) == ["<unk>", "x"]
    capitals = PhoneTokens(SYMBOLS, {**LEXICON, "<UNK>": (("Z",),)})
    assert spell(capitals, ["<unk>", "x"]) == spell(heard, ["<unk>", "x"])


def test_a_model_that_shares_no_word_with_the_tokens_is_refused():
    with pytest.raises(UserError, match=r"no word of the language model \(TWO, X, …\) can be spelled in these phones"):
        spell(PhoneTokens(SYMBOLS, LEXICON), ["<unk>", "TWO", "X"])


def test_espeak_pronounces_what_the_lexicon_lacks():
    pytest.importorskip("espeakng_loader", reason="needs espeakng-loader, an optional package")
    from pyspeech.lang.espeak import phones

    lexicon = {"seen": (tuple(phones("unseen", "en-us")),)}
    assert spell(PhoneTokens.from_lexicon(lexicon), ["seen", "unseen"]).missing == ("unseen",)
    spelled = spell(PhoneTokens.from_lexicon(lexicon, "en-us"), ["seen", "unseen", "xylophone"])
    assert spelled.spellings["unseen"] == spelled.spellings["seen"]
    assert spelled.missing == ("xylophone",)  # its phones are none of these tokens


def test_espeak_pronounces_in_arpabet_where_the_lexicon_does():
    pytest.importorskip("espeakng_loader", reason="needs espeakng-loader, an optional package")
    tokens = PhoneTokens.from_lexicon({"CAT": (("K", "AE", "T"),)}, "en-us")
    spelled = spell(tokens, ["CAT", "TACK", "DOG"])
    assert spelled.spellings["TACK"] == [[tokens.symbols.index(phone) for phone in ("T", "AE", "K")]]
    assert spelled.missing == ("DOG",)


def test_characters_decode_to_their_words(tmp_path):
    tokens = CharacterTokens.from_words(["anna", "bob"])
    arpa = train(tmp_path, ["anna bob", "anna", "zoë"])
    with told() as log:
        make_graph(tmp_path / "graph", "key", tokens, arpa)
    assert "1 words of" in log[0]
    assert "zoë" in log[0]
    assert [line.split("  ")[0] for line in log[1:]] == [
        "L",
        "G",
        "L o G",
        "determinised",
        "LG, without symbols",
        "H",
        "HLG",
    ]
    graph = load_graph(tmp_path / "graph")
    ids = tokens.encode(["bob", "anna"])
    log_probs_TV = np.full((2 * len(ids), len(tokens.symbols)), -50, np.float32)
    log_probs_TV[np.arange(1, 2 * len(ids), 2), ids] = 0
    log_probs_TV[::2, 0] = 0
    assert decode(graph, log_probs_TV)[1] == ("bob", "anna")


@given(st.lists(st.text(string.ascii_lowercase[:3], min_size=1, max_size=3), min_size=1, max_size=6, unique=True))
@settings(max_examples=15)
def test_any_set_of_words_can_be_determinised_and_says_each_of_them(tmp_path_factory, words):
    tokens = CharacterTokens.from_words("abc")
    spellings = {word: [[tokens.symbols.index(c) for c in word]] for word in words}  # without a mark of word starts
    graph = compiled(train(tmp_path_factory.mktemp("lm"), words), "plain", spellings, tokens.symbols)
    for word in words:
        log_probs_TV = np.full((2 * len(word), len(tokens.symbols)), -50, np.float32)
        log_probs_TV[np.arange(1, 2 * len(word), 2), spellings[word][0]] = 0
        log_probs_TV[::2, 0] = 0
        score, found = decode(graph, log_probs_TV)
        assert score > -50
        assert "".join(found) == word


def read(fsa, frames):
    """All token sequences that the topology reads from the labels of frames."""
    arcs = list(zip(*(c.tolist() for c in (*fsa.arcs.values()[:, :3].T, fsa.aux_labels)), strict=True))
    reached = {(0, ())}
    for label in (*frames, -1):
        reached = {
            (target, (*tokens, output) if output > 0 else tokens)
            for state, tokens in reached
            for source, target, found, output in arcs
            if (source, found) == (state, label)
        }
    return {tokens for _, tokens in reached}


def collapse(frames):
    return tuple(label for label, _ in itertools.groupby(frames) if label)


def test_frames_mean_the_tokens_that_ctc_says():
    plain, modified = ctc_topology(3, "plain"), ctc_topology(3, "modified")
    for frames in itertools.product(range(3), repeat=4):
        labels = tuple(label for label in frames if label)
        assert read(plain, frames) == {collapse(frames)}
        # In the modified topology a repeated label may also be the token again.
        assert {collapse(frames), labels} <= read(modified, frames)
        assert {collapse(tokens) for tokens in read(modified, frames)} == {collapse(labels)}


def test_many_tokens_take_the_modified_topology():
    assert [choose_topology(count) for count in (2, 40, 200, 201, 500)] == [*["plain"] * 3, *["modified"] * 2]
