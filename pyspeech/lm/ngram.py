"""Estimate an n-gram language model with KenLM's ``lmplz`` (https://aclanthology.org/P13-2121/).

The folder it makes holds ``lm.arpa``, ``lm.bin`` (the same for KenLM, faster to load) and ``lm.json``.
"""

import errno
import logging
import os
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tqdm import tqdm

from pyspeech.errors import UserError
from pyspeech.files import complete, digest, existing_file, refuse_others, write_json
from pyspeech.json_files import is_made_from, read_json
from pyspeech.lang.unknown_words import unknown_words
from pyspeech.lm.arpa import MAX_ORDER, ArpaReader, arpa_words
from pyspeech.lm.text import Line
from pyspeech.lm.training_text import Screen, TrainingText, look_at
from pyspeech.process_lifetime import bound

PROJECT = Path(__file__).resolve().parents[2]
FILES = frozenset({"lm.arpa", "lm.bin", "lm.json"})
MIN_ORDER = 2  # what lmplz estimates
NUM_MARKS = 3  # <s>, </s> and <unk>, in every model of lmplz
FULL_DISK = os.strerror(errno.ENOSPC)
FORMAT = 2  # raise it when the same inputs give another model
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LmSettings:
    """What decides a model besides its text.

    Args:
        order: The longest n-gram, 2 to 6.
        prune: For orders 1, 2, …: n-grams seen at most so often are left out; the last value holds for higher orders.
        vocabulary_limit: Keep the so many most frequent words; None: all.
        drop_held_out: Leave out lines that hold a held-out sentence, where they are refused otherwise.
        drop_repeated: Leave out transcripts that are a held-out sentence.
    """

    order: int
    prune: tuple[int, ...] = ()
    vocabulary_limit: int | None = None
    drop_held_out: bool = False
    drop_repeated: bool = False


def train_lm(
    out: Path,
    texts: Sequence[Path],
    settings: LmSettings,
    held_out: Sequence[Path] = (),
    memory: str = "1G",
) -> bool:
    """Train on ``texts`` (``.txt``, ``.gz``, ``.xz`` or manifests) and write the folder ``out``.

    The text is streamed; ``memory`` (KenLM's notation) bounds what ``lmplz`` sorts at a time, the rest goes to files
    inside the unfinished folder. With a vocabulary limit the text is read twice and all its distinct words are counted.

    Manifests among ``texts`` are transcripts that the network is trained on, and stay whole; other text is brought to
    their case, and to that of the held-out ones.

    Returns:
        False where ``out`` already holds the model of these contents and settings.

    Raises:
        UserError: settings that KenLM cannot hold, text that holds a held-out sentence, a manifest on both sides,
            prose beside transcripts that are none, or a KenLM program failing.
    """
    _check(out, settings)
    for path in texts:
        existing_file(path, "text")
    for path in held_out:
        existing_file(path, "held-out manifest")
    key = digest(FORMAT, asdict(settings), len(texts), *texts, "held out", *held_out)
    if is_made_from(out, FILES, "lm.json", key):
        return False
    started = time.monotonic()
    with complete(out) as partial:
        partial.mkdir()
        screen, made = _make(partial, look_at(texts, held_out, settings.drop_repeated), settings, memory)
        write_json(partial / "lm.json", {**made, "seconds": round(time.monotonic() - started, 2), "digest": key})
    if screen.refused:
        log.warning(
            f"left out {screen.refused} lines that hold a held-out sentence, first: {'; '.join(screen.examples)}"
        )
    if screen.repeated:
        done = (
            "left out" if settings.drop_repeated else "kept, as the network is trained on them (else --drop-repeated)"
        )
        log.warning(f"{screen.repeated} transcripts are sentences of a held-out set, too: {done}")
    return True


def binary_in(folder: Path) -> Path:
    """Return the KenLM binary in a folder that :func:`train_lm` wrote.

    KenLM follows the numbers in it wherever they lead, to the end of the process too, so its digest is compared.

    Raises:
        UserError: it is missing, or is not as it was written.
    """
    path = existing_file(folder / "lm.bin", "language model")
    if (folder / "lm.json").exists():
        written = read_json(folder / "lm.json", "description of a language model", "train it again").get("binary")
        if written not in (None, digest(path)):  # None in those of an earlier version
            raise UserError(f"{path} was damaged, it is not as it was written; train the model again")
    return path


def find_program(name: str) -> str:
    """Return the path of a KenLM program: in ``$PYSPEECH_KENLM_BIN``, the project's ``tools/kenlm/bin`` or ``PATH``.

    Raises:
        UserError: it is nowhere.
    """
    chosen = os.environ.get("PYSPEECH_KENLM_BIN", "")
    for folder in (chosen, str(PROJECT / "tools" / "kenlm" / "bin"), os.environ.get("PATH", "")):
        if folder and (program := shutil.which(name, path=folder)):
            return program
    raise UserError(
        f"KenLM's program {name} is not installed; run tools/install.sh of a clone, or set PYSPEECH_KENLM_BIN"
    )


def _check(out: Path, settings: LmSettings) -> None:
    if not MIN_ORDER <= settings.order <= MAX_ORDER:
        raise UserError(f"order {settings.order}: KenLM's models have an order of {MIN_ORDER} to {MAX_ORDER}")
    prune = settings.prune
    if len(prune) > settings.order or list(prune) != sorted(prune) or any(count < 0 for count in prune):
        raise UserError(
            f"prune '{' '.join(map(str, prune))}': expected at most {settings.order} counts for orders 1, 2, …, "
            "none below zero and none smaller than the one before, e.g. '0 0 1'"
        )
    if settings.vocabulary_limit is not None and settings.vocabulary_limit < 1:
        raise UserError(f"vocabulary limit {settings.vocabulary_limit}: expected 1 or more")
    refuse_others(out, FILES, "a language model")


def _make(
    folder: Path,
    text: TrainingText,
    settings: LmSettings,
    memory: str,
) -> tuple[Screen, dict[str, object]]:
    """Write the model into ``folder``; return which lines trained it, and the figures of ``lm.json``."""
    lmplz = find_program("lmplz")
    find_program("build_binary")  # before the long work
    arpa = folder / "lm.arpa"
    command = [lmplz, "--memory", memory, *_options(folder, text, settings)]
    screen, fallback = _estimate(command, arpa, text, settings)
    ngrams = list(ArpaReader(arpa).counts)
    words = ngrams[0] - NUM_MARKS
    if words < 1:
        raise UserError(f"pruning by '{' '.join(map(str, settings.prune))}' leaves no word in the model; prune less")
    build_binary(arpa, folder / "lm.bin")
    for path in folder.iterdir():  # the vocabulary, and what lmplz may leave of its sorting
        if path.name not in FILES:
            path.unlink()
    read = {
        "sentences": screen.sentences,
        "words": screen.words,
        "lines_left_out": screen.refused,
        "repeated_transcripts": screen.repeated,
    }
    lost = unknown_words(text.words, set(arpa_words(arpa))) if text.words else None
    if lost and lost.unknown:
        log.info(f"the model lacks {len(lost.unknown)} of the {len(text.words)} words of the transcripts: {lost}")
    made = {"ngrams": ngrams, "text": read, "discount_fallback": fallback, "binary": digest(folder / "lm.bin")}
    return screen, {**asdict(settings), "words": words, **made}


def _options(folder: Path, text: TrainingText, settings: LmSettings) -> list[str]:
    options = ["--order", str(settings.order), "--temp_prefix", f"{folder}/sort."]
    if settings.prune:
        options += ["--prune", *map(str, settings.prune)]
    if settings.vocabulary_limit is not None:
        vocabulary = folder / "vocabulary"
        with vocabulary.open("w", encoding="utf-8") as stream:
            stream.writelines(f"{word}\n" for word in _frequent_words(text, settings))
        options += ["--limit_vocab_file", str(vocabulary)]
    return options


def _frequent_words(text: TrainingText, settings: LmSettings) -> list[str]:
    counts: Counter[str] = Counter()
    screen = Screen(text)
    for line in tqdm(screen.passing(), desc="count words", unit=" lines", disable=None):
        counts.update(line.words)
    _refuse(screen, settings)
    # Words of equal count in alphabetical order, so that the same text always gives the same vocabulary.
    return sorted(counts, key=lambda word: (-counts[word], word))[: settings.vocabulary_limit]


def _refuse(screen: Screen, settings: LmSettings) -> None:
    if screen.refused and not settings.drop_held_out:
        raise UserError(
            f"{screen.refused} lines of the text hold a whole held-out sentence, first: {'; '.join(screen.examples)}; "
            "take them out, or let --drop-held-out leave such lines out"
        )
    if not screen.sentences:
        raise UserError("there is no word left to train a language model on; check the text files")


def _estimate(
    command: list[str],
    arpa: Path,
    text: TrainingText,
    settings: LmSettings,
) -> tuple[Screen, bool]:
    """Run ``lmplz``; where Kneser-Ney discounts cannot be had from so little text, again with fixed ones."""
    for fallback in (False, True):
        screen = Screen(text)
        lines = tqdm(screen.passing(), desc="lmplz", unit=" lines", disable=None)
        extra = ["--discount_fallback"] if fallback else []
        problem = _pipe(lines, [*command, "--arpa", str(arpa), *extra])
        _refuse(screen, settings)
        if problem is None:
            return screen, fallback
        if fallback or "--discount_fallback" not in problem:
            break
        log.info(
            "the text is too small or too regular to estimate Kneser-Ney discounts; using lmplz --discount_fallback"
        )
    raise UserError(f"lmplz failed: {problem}")


def _pipe(lines: Iterable[Line], command: list[str]) -> str | None:
    """Feed ``lines`` to a program; return None, or the last line it wrote to stderr before it failed."""
    # Not beside the model: on a full disk the words that say so would find no place either.
    with tempfile.TemporaryFile() as stderr:
        process = subprocess.Popen(bound(command), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=stderr)
        assert process.stdin is not None
        try:
            with process.stdin as stdin:
                for line in lines:
                    stdin.write((" ".join(line.words) + "\n").encode())
        except BrokenPipeError:
            pass  # it ended before its input did: what it wrote to stderr says why
        except BaseException:
            process.kill()
            raise
        finally:
            status = process.wait()
        stderr.seek(0)
        return None if status == 0 else _last_line(stderr.read().decode(errors="replace"), status)


def build_binary(arpa: Path, binary: Path) -> None:
    """Write the KenLM binary of an ARPA file that :func:`pyspeech.lm.arpa.for_kenlm` gave.

    It holds hash tables, or a trie where those have no room: for the ends of n-grams that the file itself leaves out.

    Raises:
        UserError: build_binary is not installed, or failed.
    """
    program = find_program("build_binary")
    try:
        run_program([program, str(arpa), str(binary)])
    except UserError:
        run_program([program, "trie", str(arpa), str(binary)])


def run_program(command: list[str]) -> None:
    """Run a program of KenLM's.

    Raises:
        UserError: it failed, with the last line of what it said.
    """
    completed = subprocess.run(bound(command), capture_output=True, text=True, errors="replace", check=False)
    if completed.returncode:
        raise UserError(f"{Path(command[0]).name} failed: {_last_line(completed.stderr, completed.returncode)}")


def _last_line(text: str, status: int) -> str:
    # KenLM ends its messages with this word or with a progress bar of stars.
    lines = [line for line in text.splitlines() if line.strip(" *-0123456789") not in ("", "ERROR")]
    if any(FULL_DISK in line for line in lines):
        raise OSError(errno.ENOSPC, FULL_DISK)
    return lines[-1] if lines else f"exit status {status}"
