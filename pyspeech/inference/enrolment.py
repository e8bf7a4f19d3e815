"""People who can be identified, from audio: enrolled in a store or for one call, and who of them speaks in a file."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from pyspeech.corpora.corpus import utterance
from pyspeech.corpora.sources.folder import audio_paths, tell_not_read
from pyspeech.data.audio_files import AUDIO
from pyspeech.data.features import load_audio
from pyspeech.errors import UserError
from pyspeech.files import existing
from pyspeech.inference.embedding import Embedder, load_embedder, origin_of
from pyspeech.speakers.embeddings import load_embeddings, refuse_other_space, refuse_shared
from pyspeech.speakers.enrolments import (
    Enrolment,
    change_enrolments,
    check_name,
    is_store,
    load_enrolments,
    refuse_change,
)
from pyspeech.speakers.identification import People, choose_threshold, mean_embedding, people_of


@dataclass(frozen=True)
class Identified:
    """Whom the speaker of a file is most like, the best first, each with the cosine; ``threshold`` if there is one."""

    path: Path
    likest: tuple[tuple[str, float], ...]
    threshold: float | None

    @property
    def known(self) -> bool | None:
        """Whether the best is taken for the speaker; ``None`` without a threshold."""
        return None if self.threshold is None else self.likest[0][1] >= self.threshold


def enrolled(exp: Path, store: Path) -> dict[str, Enrolment]:
    """Return the people in a store by their names, in ascending order.

    Raises:
        UserError: there is no store, it is damaged, or was made with another network; or the training is not finished.
    """
    return load_enrolments(store, origin_of(exp))


def enrol(
    exp: Path, store: Path, people_dir: Path | None, remove: Collection[str], device: str | None = None
) -> dict[str, Enrolment]:
    """Remove people from a store and add those of ``people_dir``, a folder of audio for each; return all in it now.

    Raises:
        UserError: as :func:`enrolled` where there is a store, a name to remove that is not in it, a person without
            audio, a file that is too short or cannot be read, or the store cannot be written. Nothing is changed then.
    """
    origin = origin_of(exp)
    refuse_change(store, origin, remove)  # before an hour's work rather than after it
    add = {} if people_dir is None else enrolments_in(people_dir, load_embedder(exp, device))
    return change_enrolments(store, origin, add, remove)


def identify(
    exp: Path,
    audio: Iterable[Path],
    people: Path,
    top: int,
    threshold: float | None = None,
    tune: Path | None = None,
    device: str | None = None,
) -> Iterator[Identified | UserError]:
    """Yield for each file who of the enrolled people speaks, or what is wrong with the file.

    Args:
        exp: Folder of a training.
        audio: Files; of several channels the first.
        people: A store, or a folder with a folder of audio for each person.
        top: How many people to tell.
        threshold: Cosine from which on a person is known.
        tune: In its place embeddings on which :func:`choose_threshold` chooses it.
        device: Where to compute.

    Raises:
        UserError: as :func:`enrolled` or :func:`enrol`, or nobody is enrolled, or ``tune`` cannot be used: it is
            damaged, of another network, or of a person who is enrolled.
    """
    embedder = load_embedder(exp, device)
    known = _people(exp, people, embedder)
    if tune is not None:
        development = load_embeddings(tune)
        refuse_other_space(tune, development.space, exp, (origin_of(exp), known.unit_PD.shape[1]))
        refuse_shared("speaker", tune, development.speakers, people, known.names)
        threshold = choose_threshold(development).value
    for path in audio:
        try:
            row_D = embed_file(path, embedder)
        except UserError as error:
            yield error
        else:
            yield Identified(path, tuple(known.likest(row_D, top)), threshold)


def enrolments_in(people_dir: Path, embedder: Embedder) -> dict[str, Enrolment]:
    """Enrol a person for each folder in ``people_dir``, from all audio files below it; hidden ones are left alone.

    Raises:
        UserError: there is no such folder, one without audio, or a file that is too short or cannot be read.
    """
    folders = sorted(path for path in existing(people_dir, "folder of people").glob("[!.]*/") if path.is_dir())
    if not folders:
        raise UserError(f"{people_dir} holds no folder of a person; make one for each, with their audio in it")
    files = {check_name(folder.name): _audio_files(folder) for folder in folders}
    enrolments = {}
    for name, paths in tqdm(files.items(), desc="enrol", unit=" people", dynamic_ncols=True, disable=None):
        rows_ND = np.stack([embed_file(path, embedder) for path in paths])
        enrolments[name] = Enrolment(len(paths), mean_embedding(rows_ND, name).astype(np.float32))
    return enrolments


def embed_file(path: Path, embedder: Embedder) -> NDArray[np.float32]:
    """Return the embedding [D] of an audio file, of several channels the first's.

    Raises:
        UserError: it cannot be read, is too short, or holds samples that are not finite.
    """
    rate = embedder.config.features.sampling_rate
    samples_S = load_audio(utterance(path, text="", speaker=""), rate)[0]
    if not np.isfinite(samples_S).all():
        raise UserError(f"{path} holds samples that are not finite numbers; fetch it again or leave it out")
    return embedder.of_samples(samples_S, rate, str(path))


def _audio_files(folder: Path) -> list[Path]:
    tell_not_read(folder)
    paths = audio_paths(folder)
    if not paths:
        raise UserError(f"{folder} holds no audio file ({', '.join(AUDIO)}); add some, or remove the folder")
    return [folder / path for path in paths]


def _people(exp: Path, folder: Path, embedder: Embedder) -> People:
    stored = enrolled(exp, folder) if is_store(folder) else enrolments_in(folder, embedder)
    if not stored:
        raise UserError(f"{folder} holds nobody; add people with pyspeech enroll")
    return people_of({name: one.mean_D for name, one in stored.items()})
