"""What is installed and what of it works: every thing is really tried, since a wheel that imports may still fail."""

import importlib.metadata
import os
import platform
import re
import shlex
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pyspeech.processor import has_nvidia_gpu

PROJECT = Path(__file__).resolve().parent.parent
INSTALLER = PROJECT / "tools" / "install.sh"  # in a clone; a wheel comes without
REQUIREMENTS = PROJECT / "tools" / "requirements"
PROJECT_DISTRIBUTION = "pyspeech-recipes"  # setup.cfg
K2_PYTHON = (3, 10)  # the only one that the k2 wheels on PyPI hold binaries for

_REINSTALL = (sys.executable, "-m", "pip", "install", "--force-reinstall")

# A bigram model of one word, to try KenLM's reader on.
TINY_ARPA = (
    "\\data\\\nngram 1=4\nngram 2=1\n\n"
    "\\1-grams:\n-1\t<unk>\n-99\t<s>\t0\n-1\t</s>\n-0.5\tyes\t0\n\n"
    "\\2-grams:\n-0.25\t<s> yes\n\n\\end\\\n"
)


@dataclass(frozen=True)
class Finding:
    """One thing, its version (empty if absent), and either that it works or why not and the command that mends it.

    Attributes:
        mend: One shell command; empty where nothing is wrong, or where no command can help (a machine without a GPU,
            k2 and lmplz without a clone).
    """

    name: str
    version: str
    works: bool
    problem: str = ""
    mend: str = ""


def examine() -> list[Finding]:
    """Try everything the toolkit uses, in the order in which one builds on the other. Never raises."""
    return [examine_one(name) for name in CHECKS]


def examine_one(name: str) -> Finding:
    """Try one entry of ``CHECKS``; whatever it raises becomes the problem of the finding."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # here it counts only whether a thing works
            return Finding(name, CHECKS[name](), works=True)
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return Finding(name, _installed_version(name), works=False, problem=reason[:300], mend=mend_command(name))


def mend_command(name: str) -> str:
    """Return the one command that mends ``name`` in the running environment."""
    if name in {"cuda", "lmplz"} and not INSTALLER.exists():
        return ""
    installer = shlex.quote(os.path.relpath(INSTALLER))
    modern = sys.version_info[:2] != K2_PYTHON
    if name == "cuda":
        if not has_nvidia_gpu():
            return ""
        # torch 1.13.1 knows no GPU newer than 2022; a torch that does may still be newer than the driver.
        return f"{installer} --torch auto" if modern else f"{installer} --lane modern"
    if name == "k2":
        return _mend_k2(installer, modern)
    if name == "lmplz":
        return f"{installer} --lane {'modern' if modern else 'pypi'}"
    alone, package = _wanted(DISTRIBUTIONS[name], "modern" if modern else "pypi")
    return shlex.join([*_REINSTALL, *alone, package])


def _mend_k2(installer: str, modern: bool) -> str:
    if not INSTALLER.exists():
        return ""
    if modern and _installed_version("k2"):
        release = _installed_version("torch").partition("+")[0]
        return f"{installer} --lane wheels --torch-release {release} --torch auto" if release else ""
    if modern:
        return f"{installer} --lane pypi"
    # By its hash: PyPI's wheels of k2 all claim to suit any Python.
    return shlex.join([*_REINSTALL, "--no-deps", "--require-hashes", "-r", os.path.relpath(REQUIREMENTS / "k2.txt")])


def _installed_version(name: str) -> str:
    try:
        return importlib.metadata.version(DISTRIBUTIONS[name])
    except (KeyError, importlib.metadata.PackageNotFoundError):
        return ""


def _wanted(distribution: str, lane: str) -> tuple[list[str], str]:
    """Return options of pip and what it is to install: the pin of a checkout, else within the bounds of setup.cfg."""
    pins = REQUIREMENTS / f"{lane}.txt"
    pinned = rf"^{re.escape(distribution)}==[^;\s]+"
    if not (pins.exists() and (pin := re.search(pinned, pins.read_text(encoding="utf-8"), re.MULTILINE))):
        return [], _bounded(distribution)
    _, plus, build = _installed_version(distribution).partition("+")
    # PyTorch's builds are on its own index; what they need differs from what the pin of PyPI's does, and is there.
    index = ["--index-url", f"https://download.pytorch.org/whl/{build}"] if build else []
    return ["--no-deps", *index], f"{pin.group()}{plus}{build}"  # what it needs is pinned as well


def _bounded(distribution: str) -> str:
    try:
        requirements = importlib.metadata.requires(PROJECT_DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return distribution
    named = rf"{re.escape(distribution)}(?![\w.-])"
    return next((each.partition(";")[0].strip() for each in requirements if re.match(named, each)), distribution)


def _try_python() -> str:
    return platform.python_version()


def _try_torch() -> str:
    import torch

    _expect(float(torch.ones(2) @ torch.ones(2)), 2.0)
    return str(torch.__version__)


def _try_cuda() -> str:
    import torch

    from pyspeech.device import choose_device

    if choose_device().type == "cpu":
        raise RuntimeError("there is no GPU to use; the CPU does all work")
    return f"{torch.version.cuda} ({torch.cuda.get_device_name()})"


def _try_torchaudio() -> str:
    import torch
    import torchaudio

    _expect(len(torchaudio.functional.resample(torch.zeros(160), 16000, 8000)), 80)
    return str(torchaudio.__version__)


def _try_lhotse() -> str:
    import lhotse
    import numpy as np

    _expect(lhotse.Fbank().extract(np.zeros(1600, dtype=np.float32), 16000).shape, (10, 80))
    return str(lhotse.__version__)


def _try_k2() -> str:
    try:
        import k2
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{error}; the k2 wheels on PyPI are for Python 3.10 only") from error

    _expect(k2.arc_sort(k2.linear_fsa([1, 2])).num_arcs, 3)
    return _installed_version("k2")


def _try_kenlm() -> str:
    import kenlm

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tiny.arpa"
        path.write_text(TINY_ARPA, encoding="utf-8")
        quiet = kenlm.Config()
        quiet.show_progress, quiet.arpa_complain = False, kenlm.ARPALoadComplain.NONE
        _expect(kenlm.LanguageModel(str(path), quiet).score("yes", eos=False), -0.25)
    return _installed_version("kenlm")


def _try_lmplz() -> str:
    from pyspeech.lm.ngram import find_program

    program = find_program("lmplz")
    # Its --help ends with status 1; only the text tells a program that runs from one whose libraries are gone.
    command = [program, "--help"]
    ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    said = ran.stderr + ran.stdout
    if "--order" not in said:
        raise RuntimeError(f"{program} --help failed: {said.strip() or f'status {ran.returncode}'}")
    version = PROJECT / "tools" / "kenlm" / "version"
    ours = Path(program).is_relative_to(version.parent) and version.exists()
    return version.read_text(encoding="utf-8").strip() if ours else program


def _try_sentencepiece() -> str:
    import io

    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["yes no yes"]), model_writer=model, vocab_size=8, model_type="char", minloglevel=2
    )
    pieces = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    _expect(pieces.decode(pieces.encode("yes")), "yes")
    return _installed_version("sentencepiece")


def _try_espeak() -> str:
    from pyspeech.lang import espeak

    samples, _ = espeak.speak("yes", "en-us")
    _expect(len(samples) > 0, True)
    return _installed_version("espeak")


def _expect(computed: object, wanted: object) -> None:
    if computed != wanted:
        raise RuntimeError(f"a small calculation gave {computed}, not {wanted}")


# What is printed -> how it is tried; the function returns the version.
CHECKS: dict[str, Callable[[], str]] = {
    "python": _try_python,
    "torch": _try_torch,
    "cuda": _try_cuda,
    "torchaudio": _try_torchaudio,
    "lhotse": _try_lhotse,
    "k2": _try_k2,
    "kenlm": _try_kenlm,
    "lmplz": _try_lmplz,
    "sentencepiece": _try_sentencepiece,
    "espeak": _try_espeak,
}

# What is printed -> its name on PyPI, for those that pip installs.
DISTRIBUTIONS = {
    "torch": "torch",
    "torchaudio": "torchaudio",
    "lhotse": "lhotse",
    "k2": "k2",
    "kenlm": "kenlm",
    "sentencepiece": "sentencepiece",
    "espeak": "espeakng-loader",
}
