"""N-gram language models as rescoring uses them, from any file: ARPA, KenLM binary, or text to train one on.

What is made of a file stands in a cache under a digest of its content, so that it is made once.
"""

import logging
import math
import os
import pwd
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pyspeech.errors import UserError
from pyspeech.files import complete, digest, existing_file, writing
from pyspeech.lang.writing import OTHER, Case, in_case
from pyspeech.lm.arpa import arpa_words, for_kenlm, is_arpa
from pyspeech.lm.model import BINARY_MAGIC, binary_words, is_binary, open_model
from pyspeech.lm.ngram import LmSettings, binary_in, build_binary, find_program, train_lm
from pyspeech.lm.text import SENTENCE_MARKS
from pyspeech.locks import lock_of, only_writer
from pyspeech.text_files import PACKED, UNPACK_ERRORS, unpacked

if TYPE_CHECKING:
    import kenlm

LN10 = math.log(10)
STAND_IN_LOG10 = -100.0  # what KenLM gives <unk> where the ARPA file has none
FORMAT = 2  # of what is cached; raise it when the same file gives another binary

MAX_LINE_BYTES = 1 << 16
SHOWN_BYTES = 40
log = logging.getLogger(__name__)


class LanguageModel:
    """A model that KenLM holds; probabilities come as natural logarithms.

    Args:
        path: An ARPA file or a KenLM binary; a binary is mapped into memory, which processes share.
        model: The ``kenlm.Model`` of that file, where it is open already.

    Attributes:
        path: The file that was opened.
        model: The ``kenlm.Model``; its own methods give base-10 logarithms.
        order: The longest n-gram.
        has_unknown: Whether the model itself says what an unknown word costs.
        notes: What a user should know of this model, one sentence each.
        case: The case in which words come and go, where the model has all of its own in the other one.

    Raises:
        UserError: the file is missing, damaged, or no model.
    """

    def __init__(self, path: Path, model: "kenlm.Model | None" = None) -> None:
        self.path = path
        self.model: Any = open_model(path) if model is None else model
        self.order = int(self.model.order)
        (log10, _, _) = next(iter(self.model.full_scores("<unk>", bos=False, eos=False)))
        self.has_unknown = log10 > STAND_IN_LOG10
        self.case: Case | None = None
        self.notes: tuple[str, ...] = ()
        if not self.has_unknown:
            note = f"the language model holds no <unk>; a word that it lacks gets log10 probability {STAND_IN_LOG10:g}"
            self.notes = (note,)

    def __contains__(self, word: object) -> bool:
        return self.written(str(word)) in self.model

    def written(self, word: str) -> str:
        """A word as the model itself writes it."""
        return word if self.case is None else in_case(word, OTHER[self.case])

    def words(self) -> list[str]:
        """Return the vocabulary in alphabetical order, without ``<s>``, ``</s>`` and ``<unk>``.

        Raises:
            UserError: a binary that was built without its words, or whose end is missing.
        """
        found = self._own_words
        if self.case is not None:
            # What stands there in our case already is not asked for any more.
            found = [ours for word in found if self.written(ours := in_case(word, self.case)) == word]
        return sorted(set(found) - SENTENCE_MARKS)

    @cached_property
    def _own_words(self) -> list[str]:
        """As the model writes them: what uses them asks more than once, and the file is large."""
        return binary_words(self.path) if is_binary(self.path) else arpa_words(self.path)

    def score(self, words: Sequence[str]) -> float:
        """Return the natural log-probability of ``<s> words </s>``; an unknown word counts as ``<unk>``."""
        written = words if self.case is None else map(self.written, words)
        return LN10 * float(sum(log10 for log10, _, _ in self.model.full_scores(" ".join(written))))

    def unigrams(self, words: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return the natural log-probability of each word where nothing came before, float64 [N]."""
        import kenlm

        state, following = kenlm.State(), kenlm.State()
        self.model.NullContextWrite(state)
        return LN10 * np.array([self.model.BaseScore(state, self.written(word), following) for word in words])


def file_of(lm: "Path | kenlm.Model") -> Path:
    """What is given as a language model by its name: the file or folder, or what the open model was read from."""
    return lm if isinstance(lm, Path) else Path(os.fsdecode(lm.path))


def open_lm(
    given: "Path | kenlm.Model",
    cache: Path | None = None,
    held_out: Sequence[Path] = (),
    order: int = 4,
    drop_held_out: bool = False,
) -> LanguageModel:
    """Open the language model of a file, whatever it holds.

    Args:
        given: A folder of ``pyspeech lm train``; a KenLM binary; an ARPA file; or text or a manifest to train on.
            Text and ARPA files may be packed as ``.gz``, ``.xz`` or ``.bz2``.
            An open ``kenlm.Model`` is taken as it is.
        cache: Where the binary of an ARPA file, and models trained on text, are kept by content. Default:
            ``$PYSPEECH_CACHE``, or ``~/.cache/pyspeech/lm``. Processes may use one cache at once. One that cannot be
            written serves what it holds; what another user could have written is refused.
        held_out: Manifests whose sentences a text to train on may not hold. Models are taken as they are.
        order: The longest n-gram of a model to train.
        drop_held_out: Leave out the lines of text that hold a held-out sentence, where they are refused otherwise.

    Raises:
        UserError: a file that is missing, damaged or not what its name says, or text that may not be used.
    """
    path = file_of(given)
    if not isinstance(given, Path):
        return LanguageModel(path, given)
    if path.is_dir():
        return LanguageModel(binary_in(path))
    kind = _kind(existing_file(path, "language model"))
    cache = cache or Path(os.environ.get("PYSPEECH_CACHE") or "~/.cache/pyspeech/lm").expanduser()
    if kind == "arpa":
        return LanguageModel(_binary(path, cache))
    if kind == "text":
        settings = LmSettings(order, drop_held_out=drop_held_out)
        return LanguageModel(_trained(path, cache, settings, held_out))
    return LanguageModel(path)


def _kind(path: Path) -> str:
    """``binary``, ``arpa`` or ``text``, by what the file holds: packed ARPA files have all kinds of names."""
    if is_binary(path):
        return "binary"
    packed = path.suffix in PACKED
    name = path.with_suffix("") if packed else path
    if name.suffix == ".arpa" or is_arpa(path):
        return "arpa"
    first = _first_line(path)
    if first.startswith(BINARY_MAGIC):
        raise UserError(f"{path} is a packed KenLM binary, which cannot be mapped into memory; unpack it")
    if name.suffix == ".bin":
        shown = f"begins with '{first[:SHOWN_BYTES].decode(errors='replace').strip()}'" if first else "is empty"
        raise UserError(f"{path} is not a KenLM binary, it {shown}; build it again with KenLM's build_binary")
    return "text"


def _first_line(path: Path) -> bytes:
    try:
        with unpacked(path) as stream:
            return stream.readline(MAX_LINE_BYTES)
    except UNPACK_ERRORS as error:
        raise UserError(f"{path} cannot be read ({error}); make it again") from error


def _binary(arpa: Path, cache: Path) -> Path:
    """Return the binary of an ARPA file, building it once; the ARPA itself where that cannot be."""
    try:
        find_program("build_binary")
    except UserError as error:
        log.warning(f"{error}; until then {arpa} is parsed anew in every process")
        return arpa
    packing = arpa.suffix if arpa.suffix in PACKED else ""
    with _made_once(cache, digest("binary", FORMAT, packing, arpa) + ".bin") as binary:
        if not binary.exists():
            log.info(f"building the binary of {arpa} in {binary}")
            # A folder of its own, so that a copy for KenLM goes however this ends.
            with complete(binary) as partial, tempfile.TemporaryDirectory(dir=cache) as folder:
                plain = for_kenlm(arpa, Path(folder))
                try:
                    build_binary(plain, partial)
                except UserError as error:
                    raise UserError(f"{arpa} cannot be made a KenLM binary: {error}; make it again") from error
    return binary


def _trained(text: Path, cache: Path, settings: LmSettings, held_out: Sequence[Path]) -> Path:
    for manifest in held_out:
        existing_file(manifest, "held-out manifest")
    with _made_once(cache, digest("text", asdict(settings), text, "held out", *held_out)) as made:
        if train_lm(made, [text], settings, held_out):
            log.info(f"trained a language model of order {settings.order} on {text} in {made}")
    return binary_in(made)


@contextmanager
def _made_once(cache: Path, name: str) -> Iterator[Path]:
    """Yield a path in the cache that no other process makes meanwhile; the system ends the lock with the process."""
    made = cache / name
    with ExitStack() as held:
        with writing(made, lock_of(made)):
            cache.mkdir(mode=0o700, parents=True, exist_ok=True)
            _refuse_foreign(cache, lock_of(made), made, made / "lm.bin")
            try:
                held.enter_context(only_writer(made, wait=True))
            except OSError:
                if not made.exists():  # what is there needs no lock, so that a cache may be read only
                    raise
        yield made


def _refuse_foreign(cache: Path, *inside: Path) -> None:
    """Make sure that only this user and the system's can have written what is to be loaded.

    Raises:
        UserError: naming what belongs to another user, or could have been changed by one.
    """
    remedy = "or set PYSPEECH_CACHE to a folder of your own"
    is_closed = not cache.stat().st_mode & (stat.S_IXGRP | stat.S_IXOTH)  # nobody else reaches what is in it
    for path in filter(os.path.lexists, (cache, *inside)):
        for owner in {path.lstat().st_uid, path.stat().st_uid} - {0, os.geteuid()}:
            raise UserError(f"{path} in the cache belongs to {_user(owner)}, not to you; remove it, {remedy}")
        mode = path.stat().st_mode
        is_open = mode & (stat.S_IWGRP | stat.S_IWOTH) and not (stat.S_ISDIR(mode) and mode & stat.S_ISVTX)
        if is_open and (path == cache or not is_closed):
            raise UserError(
                f"{path} can be written by other users, who could change models; chmod 700 {cache}, {remedy}"
            )


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"
