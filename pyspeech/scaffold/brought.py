"""Files and folders that a user brings to a recipe besides the corpus, looked at before the corpus is."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pyspeech.corpora.sources.dividing import Task
from pyspeech.data.wave_augment import NO_NOISE, WaveAugment
from pyspeech.errors import UserError
from pyspeech.files import existing_file
from pyspeech.lang.lexicon import read_lexicon
from pyspeech.lm.arpa import is_arpa
from pyspeech.text_files import read_text

LARGE_BYTES = 20 << 20  # of texts, packed or not: more make graphs that hardly any memory holds, of all their n-grams


@dataclass(frozen=True)
class Brought:
    """Absolute paths. Of recognition: a lexicon, an ARPA model for the graph, texts; of any task, folders of sounds."""

    lexicon: Path | None = None
    lm: Path | None = None
    lm_texts: tuple[Path, ...] = ()
    noise: Path | None = None
    rirs: Path | None = None

    def check(self, task: Task) -> None:
        """Make sure that everything is there, is what it is brought for, and can stand in a script.

        Raises:
            UserError: naming the first that is not.
        """
        if (self.lexicon or self.lm or self.lm_texts) and task != "recognition":
            raise UserError(
                f"--lexicon-file, --lm-file and --lm-text are for recognition; {task} has no words to spell"
            )
        for path in self._paths():
            if not str(path).isprintable():
                raise UserError(f"{str(path)!r} cannot stand in a script; rename it")
        if self.lexicon:
            read_lexicon(self.lexicon)
        if self.lm and not is_arpa(existing_file(self.lm, "language model")):
            raise UserError(f"{self.lm} is no language model in ARPA format, which a graph is made of; convert it")
        for text in self.lm_texts:
            if not any(line.strip() for line in read_text(existing_file(text, "text"))):
                raise UserError(f"{text} holds no text; give sentences, or leave it out")
        folders = {"noise_dir": self.noise and str(self.noise), "rir_dir": self.rirs and str(self.rirs)}
        WaveAugment(NO_NOISE.model_copy(update=folders), 1)  # which looks for audio in them

    @property
    def has_sounds(self) -> bool:
        """Whether sounds are added to the audio that trains."""
        return bool(self.noise or self.rirs)

    @property
    def has_large_texts(self) -> bool:
        """Whether a graph of all n-grams of the texts would be too large."""
        return sum(text.stat().st_size for text in self.lm_texts) > LARGE_BYTES

    def _paths(self) -> Iterator[Path]:
        yield from (path for path in (self.lexicon, self.lm, *self.lm_texts, self.noise, self.rirs) if path)
