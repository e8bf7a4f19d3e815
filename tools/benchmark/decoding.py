"""Word errors against speed: our search and rescoring beside other decoders, on the same log-probabilities and model.

    python -m tools.benchmark.decoding OUT --arpa lm.arpa --decode exp/decode/dev exp/decode/test
    python -m tools.benchmark.decoding OUT --arpa lm.arpa --simulate sentences.txt

--decode takes what "pyspeech decode" stored; --simulate sentences that are held out from the model, one a line, which
a made-up network says in phones and in characters. Every decoder runs alone on one core. Its weights are tuned on dev,
by the same grid for all, and its beams swept on test with these. Times are CPU times of decoding alone. OUT gets
table.md, figures.json and wer_by_speed.png.

    pip install 'pyspeech-recipes[plot]' flashlight-text pyctcdecode
"""

import importlib.metadata
import multiprocessing
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np

from pyspeech.decoding.archive import ShardWriter, finish_archive
from pyspeech.decoding.frames import FRAME_CODEC, likely_tokens
from pyspeech.decoding.stored import FRAMES, StoredDecode
from pyspeech.decoding.times import token_runs
from pyspeech.files import write_json, write_text
from pyspeech.lang.espeak import phones_of_words
from pyspeech.lang.tokens import WORD_START, CharacterTokens, PhoneTokens, TokenSet
from pyspeech.rescoring.language_model import open_lm
from pyspeech.rescoring.vocabulary import make_vocabulary
from pyspeech.scoring.wer import ErrorCounts, align, count_errors, score
from pyspeech.transcripts import Transcript
from tools.benchmark.decoders import SYSTEMS, Input, Job, run
from tools.benchmark.simulated import FRAME_SECONDS, simulate

# From the middle outwards: of equally good weights the first are taken.
LM_GRID, WORD_GRID = (0.8, 1.2, 0.5, 1.8, 0.3, 3.0), (0.5, -1.0, 2.0)
LM_STEP, WORD_STEP = 1.25, 0.7  # around the best of the grid
FRAME_BEAM = 10.0  # of simulated tokens that are kept, as in conf/decode.yaml
LANGUAGE = "en-us"
SEED = 1
DEV_EVERY = 3  # of simulated sentences, one is for dev
RIVALS = {
    "flashlight-text": "pyspeech search",
    "pyctcdecode": "pyspeech search",
    "k2 whole lattice": "pyspeech lattices",
}
References = dict[str, dict[str, Transcript]]  # by part and id


@dataclass(frozen=True)
class Point:
    """A system at one setting: a row of the table."""

    input: str
    system: str
    setting: tuple[int, ...]
    lm: float
    word: float
    wer: float
    rtf: float
    peak_mib: float
    load_seconds: float


@click.command(help=__doc__)
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--arpa", type=click.Path(path_type=Path, exists=True), required=True, help="Word n-gram model.")
@click.option("--decode", type=click.Path(path_type=Path, exists=True), nargs=2, help="Decode folders: dev, test.")
@click.option("--simulate", "text", type=click.Path(path_type=Path, exists=True), help="Sentences.")
@click.option("--noise", default=1.1, show_default=True, help="Of the simulation.")
@click.option("--only", type=click.Choice(list(SYSTEMS)), multiple=True, help="Run these alone.")
def main(
    out: Path, arpa: Path, decode: tuple[Path, Path] | None, text: Path | None, noise: float, only: tuple[str, ...]
) -> None:
    """Compare, and write what was found."""
    out.mkdir(parents=True, exist_ok=True)
    inputs = [_decoded(decode, arpa)] if decode else []
    if text:
        sentences = text.read_text(encoding="utf-8").splitlines()
        inputs += [_simulated(kind, sentences, arpa, out / kind, noise) for kind in ("phones", "characters")]
    points: list[Point] = []
    for given, references in inputs:
        for system in only or SYSTEMS:
            if reason := _lacks(system, given):
                click.echo(f"{given.name}: {system} is left out; {reason}")
            else:
                points += _compare(system, given, references)
    table = "\n\n".join(_table(points, *each) for each in inputs)
    click.echo(table)
    write_text(out / "table.md", table + "\n")
    write_json(out / "figures.json", [asdict(point) for point in points])
    _draw(points, out / "wer_by_speed.png")


def _lacks(system: str, given: Input) -> str | None:
    package = SYSTEMS[system].package
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return f"it is not installed: pip install {package}"
    needs = SYSTEMS[system].needs
    return None if given.offers(needs) else f"it needs {needs}"


def _decoded(folders: Sequence[Path], arpa: Path) -> tuple[Input, References]:
    dev, test = map(StoredDecode, folders)
    vocabulary = make_vocabulary(open_lm(arpa).words(), {}, test.tokens, test.tokens.espeak)
    spellings: dict[str, list[list[int]]] = {}
    for word, spelling in vocabulary.spellings:
        spellings.setdefault(vocabulary.words[word], []).append(list(spelling))
    given = _input(f"{folders[1]}", {"dev": dev.folder, "test": test.folder}, arpa, test.tokens, spellings)
    return given, {"dev": dev.references(None), "test": test.references(None)}


def _simulated(kind: str, sentences: Sequence[str], arpa: Path, folder: Path, noise: float) -> tuple[Input, References]:
    vocabulary = open_lm(arpa).words()
    words = sorted({*vocabulary, *" ".join(sentences).split()})
    tokens: TokenSet = CharacterTokens.from_words(words)
    if kind == "phones":
        spoken = zip(words, phones_of_words(words, LANGUAGE), strict=True)
        tokens = PhoneTokens.from_lexicon({word: [tuple(phones)] for word, phones in spoken if phones})
    sentences = [text for text in sentences if all(map(tokens.pronunciations, text.split()))]
    said = [tokens.encode(text.split()) for text in sentences]
    log_probs = simulate(said, len(tokens.symbols), noise, SEED)
    errors = ErrorCounts()
    for right, scores_TV in zip(said, log_probs, strict=True):
        greedy = [str(each.token) for each in token_runs(scores_TV.argmax(axis=1).astype(np.int32))]
        errors += count_errors(align([*map(str, right)], greedy))
    shutil.rmtree(folder, ignore_errors=True)
    references: References = {"dev": {}, "test": {}}
    for part, found in references.items():
        with ShardWriter(folder / part / FRAMES, FRAME_CODEC) as writer:
            for n, scores_TV in enumerate(log_probs):
                if (n % DEV_EVERY == 0) == (part == "dev"):
                    id_, seconds = f"{n:05d}", FRAME_SECONDS * len(scores_TV)
                    found[id_] = Transcript(id_, sentences[n], "", seconds)
                    for kept in likely_tokens([id_], [seconds], scores_TV[None], [len(scores_TV)], FRAME_BEAM):
                        writer.write(kept)
        finish_archive(folder / part / FRAMES, {"tokens": tokens.symbols}, FRAME_SECONDS)
    name = f"simulated {kind}, {100 * errors.rate:.0f}% of them wrong"
    spellings = {word: ways for word in vocabulary if (ways := tokens.pronunciations(word))}
    return _input(name, {part: folder / part for part in references}, arpa, tokens, spellings), references


def _input(
    name: str, parts: Mapping[str, Path], arpa: Path, tokens: TokenSet, spellings: dict[str, list[list[int]]]
) -> Input:
    separator = tokens.symbols.index(WORD_START) if tokens.kind == "characters" else None
    return Input(name, parts, arpa, tokens.symbols, separator, spellings)


def _compare(system: str, given: Input, references: References) -> list[Point]:
    """Tune, then sweep."""
    at = SYSTEMS[system].tuned_at
    grid = [Job(lm, word, at) for lm in LM_GRID for word in WORD_GRID]
    tried = _run(system, given, references, "dev", grid)
    best = min(tried, key=lambda point: point.wer)
    around = [Job(lm, best.word, at) for lm in (best.lm / LM_STEP, best.lm * LM_STEP)]
    around += [Job(best.lm, word, at) for word in (best.word - WORD_STEP, best.word + WORD_STEP)]
    tried += _run(system, given, references, "dev", around)
    best = min(tried, key=lambda point: point.wer)
    sweep = [Job(best.lm, best.word, number) for number in range(len(SYSTEMS[system].settings))]
    return _run(system, given, references, "test", sweep)


def _run(system: str, given: Input, references: References, part: str, jobs: Sequence[Job]) -> list[Point]:
    """Do jobs in a process of their own, which starts with nothing loaded."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
        passes = executor.submit(run, system, given, part, jobs).result()
    seconds = sum(each.seconds for each in references[part].values())
    points = []
    for job, one in zip(jobs, passes, strict=True):
        wer = 100 * score(references[part].values(), one.words).words.rate
        setting, rtf = tuple(SYSTEMS[system].settings[job.setting]), one.seconds / seconds
        points.append(Point(given.name, system, setting, job.lm, job.word, wer, rtf, one.peak_mib, one.load_seconds))
        tried = f"{part}: {system} {setting}, lm {job.lm:.2f}, word {job.word:.1f}"
        click.echo(f"{tried}: {wer:.2f}% at {rtf:.4f}", err=True)
    return points


def _table(points: Sequence[Point], given: Input, references: References) -> str:
    here = [point for point in points if point.input == given.name]
    dev, test = (sum(each.seconds for each in references[part].values()) for part in ("dev", "test"))
    lines = [f"{given.name}: {len(given.spellings)} words, tuned on {dev:.0f} s of dev, tested on {test:.0f} s", ""]
    lines += ["| System | Setting | LM weight | Word score | WER % | Real-time factor | Peak MiB | Load s |"]
    lines += ["|---|---|---:|---:|---:|---:|---:|---:|"]
    for point in here:
        setting = ", ".join(map(str, point.setting))
        figures = f"{point.wer:.2f} | {point.rtf:.4f} | {point.peak_mib:.0f} | {point.load_seconds:.1f}"
        lines.append(f"| {point.system} | {setting} | {point.lm:.2f} | {point.word:.1f} | {figures} |")
    return "\n".join([*lines, "", *_ratios(here)])


def _ratios(points: Sequence[Point]) -> Iterator[str]:
    """What ours takes to make no more errors than each peer, wherever more time helped the peer."""
    yield "| Peer | WER % | Real-time factor | Ours | WER % | Real-time factor | Times as fast |"
    yield "|---|---:|---:|---|---:|---:|---:|"
    for peer, mine in RIVALS.items():
        ours = _improving([point for point in points if point.system == mine])
        for point in _improving([point for point in points if point.system == peer]) if ours else ():
            found = next((each for each in ours if each.wer <= point.wer), None)
            figures = f"{found.wer:.2f} | {found.rtf:.4f} | {point.rtf / found.rtf:.2f}" if found else "not reached | |"
            yield f"| {peer} | {point.wer:.2f} | {point.rtf:.4f} | {mine} | {figures} |"


def _improving(points: Sequence[Point]) -> list[Point]:
    """By time, those with fewer errors than all faster ones."""
    best: list[Point] = []
    for point in sorted(points, key=lambda point: point.rtf):
        if not best or point.wer < best[-1].wer:
            best.append(point)
    return best


def _draw(points: Sequence[Point], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = list(dict.fromkeys(point.input for point in points))
    figure, panels = plt.subplots(1, len(names), figsize=(5.2 * len(names), 4), constrained_layout=True, squeeze=False)
    for axes, name in zip(panels[0], names, strict=True):
        for system in dict.fromkeys(point.system for point in points if point.input == name):
            here = [point for point in points if (point.input, point.system) == (name, system)]
            times, errors = [point.rtf for point in here], [point.wer for point in here]
            style = "o--" if "lattice" in system else "o-"
            axes.plot(times, errors, style, color=SYSTEMS[system].colour, markersize=4, label=system)
        axes.set_xscale("log")
        axes.set_xlabel("real-time factor, one core")
        axes.set_ylabel("word error rate on test, %")
        axes.set_title(name, fontsize=10)
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
