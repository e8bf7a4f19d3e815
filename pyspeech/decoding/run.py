"""Decode a manifest into a folder, by one process or several: all utterances, in the manifest's order, or nothing."""

import logging
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

from tqdm import tqdm

from pyspeech.data.batches import inference_batches
from pyspeech.data.loading import FEWER_JOBS, lost_workers
from pyspeech.data.manifest_parts import split_manifest
from pyspeech.data.manifests import check_manifest, manifest_file
from pyspeech.decoding.archive import LATTICE_CODEC, ShardWriter, adopt_shards, finish_archive
from pyspeech.decoding.config import UNJOINED, DecodeConfig, Method
from pyspeech.decoding.decoder import Decoder, Setup, frame_seconds, k2_has_cuda
from pyspeech.decoding.frames import FRAME_CODEC
from pyspeech.decoding.results import Decoded
from pyspeech.decoding.stored import (
    FILES,
    FRAMES,
    HYPOTHESES,
    LATTICES,
    SUMMARY,
    WARNINGS,
    copy_words,
    utterance_writer,
    write_words,
)
from pyspeech.device import choose_device
from pyspeech.errors import UserError
from pyspeech.files import complete, digest, refuse_others, write_json
from pyspeech.graph.inputs import read_words
from pyspeech.processes import jobs_beside, jobs_for, map_in_processes
from pyspeech.tasks.recognition import Recogniser, load_recogniser
from pyspeech.transcripts import Manifest, read_transcripts

SHARES_PER_JOB = 4  # so that no process waits long for the last
MAX_SHARE_SECONDS = 1800.0
Finish: TypeAlias = Callable[[Path], Mapping[str, Any]]
LESS_MEMORY = "use fewer --jobs, or lower decode.max_active_states or decode.batch_seconds"


log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Decode:
    """What to decode and how.

    Args:
        graph: None exactly for the methods ``WITHOUT_GRAPH``.
        keep_lattices: Unless greedy or own, which have none.
        device: None for a GPU where there is one, else the CPU.
        jobs: Processes; None for one per core, or one where the audio is little. On the CPU each decodes; a GPU is of
            one, and the others make its batches.
        code: Folder of the class that ``config.own`` names, for the method ``own``.
    """

    exp: Path
    cuts: Manifest
    graph: Path | None
    method: Method
    config: DecodeConfig
    keep_lattices: bool = True
    keep_frames: bool = True
    device: str | None = None
    jobs: int | None = None
    code: Path | None = None


@dataclass(frozen=True)
class DecodeCounts:
    """What was decoded; counts add."""

    utterances: int = 0
    seconds: float = 0.0
    warnings: int = 0
    lattice_arcs: int = 0

    def __add__(self, other: "DecodeCounts") -> "DecodeCounts":
        return DecodeCounts(
            self.utterances + other.utterances,
            self.seconds + other.seconds,
            self.warnings + other.warnings,
            self.lattice_arcs + other.lattice_arcs,
        )


@dataclass(frozen=True)
class Share:
    """Part of a manifest, how many utterances it holds, and the folder that its results go to."""

    cuts: Path
    utterances: int
    folder: Path


@lost_workers(FEWER_JOBS)
def decode(job: Decode, out: Path, finish: Finish | None = None) -> dict[str, Any]:
    """Decode every utterance of ``job.cuts``, write the folder ``out``, and return its summary (``decode.json``).

    Args:
        job: What to decode and how.
        out: The folder.
        finish: Given a folder that is complete but for its name, adds what else is to stand in it, and returns what
            the summary is to say of that. That of the method ``search`` puts its words in the place of the greedy ones.

    Raises:
        UserError: something given is missing, damaged or does not fit the rest, or a process died.
        MissingPackage: a graph is to be searched and k2 is not installed.
    """
    assert finish is not None or job.method != "search"
    started = time.monotonic()
    _loaded.clear()  # the same folders may hold another model now
    refuse_others(out, FILES, "a decode")
    setup = Setup(job.exp, job.graph, job.method, _device(job), job.config, job.code)
    recogniser = load_recogniser(job.exp, "cpu")  # what is wrong with it shows before any work is done
    unit = _unit(job, recogniser)
    words = _words(job.graph)
    check_manifest(job.cuts)
    cuts = manifest_file(job.cuts)
    total = _count(cuts)
    on_cpu = setup.device == "cpu"
    jobs = job.jobs or (jobs_for(total.seconds) if on_cpu else jobs_beside("cuda", total.seconds))
    decoders = jobs if on_cpu else 1
    with complete(out) as folder:
        parts = split_manifest(cuts, folder / "shares", _share_seconds(total, decoders, job.config))
        shares = [Share(part.path, part.utterances, part.path.with_suffix("")) for part in parts]
        kept = _kept(job)
        if decoders > 1:
            results = map_in_processes(partial(_decode_share, setup, kept), shares, decoders, LESS_MEMORY)
        else:
            results = _decode_in_turn(setup, kept, cuts, shares, jobs - 1)
        with tqdm(total=round(total.seconds), desc="decode", unit="s audio", dynamic_ncols=True, disable=None) as bar:
            counts = _merge(shares, results, folder, bar)
        shutil.rmtree(folder / "shares")
        tokens = recogniser.tokens.symbols
        symbols = {LATTICES: {"tokens": tokens, "words": words}, FRAMES: {"tokens": tokens}}
        for name in kept:
            finish_archive(folder / name, symbols[name], frame_seconds(recogniser))
        copy_words(job.exp, folder)
        if words:
            write_words(words[1:], folder)  # the first is no word
        summary = _summary(replace(job, cuts=cuts), setup, jobs, counts)
        summary["words_of_graph"] = None if job.graph is None else len(words) - 1  # the first is no word
        summary["unit"] = unit
        summary["frame_seconds"] = frame_seconds(recogniser)
        if finish is not None:
            write_json(folder / SUMMARY, summary)
            more = finish(folder)
            summary |= {**more, "warnings": summary["warnings"] + more.get("warnings", 0)}
        summary["lattice_bytes"], summary["frame_bytes"] = (_bytes(folder / name) for name in (LATTICES, FRAMES))
        wall = time.monotonic() - started
        summary["wall_seconds"] = round(wall, 2)
        summary["real_time_factor"] = round(wall / counts.seconds, 5) if counts.seconds else None
        write_json(folder / SUMMARY, summary)
    return summary


def _device(job: Decode) -> str:
    device = str(choose_device(job.device))
    if job.graph is None:
        return device
    has_cuda = k2_has_cuda(job.method)
    if device != "cpu" and not has_cuda:
        if job.device is not None:
            raise UserError(
                f"this k2 is built without CUDA; choose --device cpu, not {job.device}, or see: pyspeech env"
            )
        log.warning("this k2 is built without CUDA: the CPU decodes by the graph; see: pyspeech env")
        return "cpu"
    return device


def _unit(job: Decode, recogniser: Recogniser) -> str:
    """What stands in the hypotheses: words, and phones where those that were found spell no word."""
    if job.method not in UNJOINED or recogniser.tokens.kind != "phones":
        return "words"
    log.warning(
        f"the method {job.method} finds phones: those that spell no word of the lexicon stand among the words and "
        "count as such, so that a score of them is no word error rate; for words use --method search, or a graph"
    )
    return "words and phones"


def _words(graph: Path | None) -> tuple[str, ...]:
    if graph is None:
        return ()
    return read_words(graph)


def _kept(job: Decode) -> tuple[str, ...]:
    """Return the names of the archives that are to be written."""
    wanted = {LATTICES: job.keep_lattices and job.graph is not None, FRAMES: job.keep_frames}
    return tuple(name for name in wanted if wanted[name])


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*"))


def _count(cuts: Path) -> DecodeCounts:
    total = DecodeCounts()
    for transcript in read_transcripts(cuts):
        total += DecodeCounts(1, transcript.seconds)
    if not total.utterances:
        raise UserError(f"{cuts} holds no utterance; check the split, or run the stage that makes it")
    return total


def _share_seconds(total: DecodeCounts, decoders: int, config: DecodeConfig) -> float:
    least = config.batch_seconds if decoders == 1 else 0.0
    return min(max(total.seconds / (SHARES_PER_JOB * decoders), least), MAX_SHARE_SECONDS)


_loaded: list[Decoder] = []  # one at most, of a process that decodes many shares


def _decoder(setup: Setup) -> Decoder:
    if not _loaded or _loaded[0].setup != setup:
        _loaded[:] = [Decoder(setup)]
    return _loaded[0]


def _decode_share(setup: Setup, kept: Sequence[str], share: Share) -> DecodeCounts:
    try:
        decoder = _decoder(setup)
        return _write(_decoded(decoder, share.cuts, 0), share.folder, kept)
    except UserError as error:
        # A MissingPackage, made from several arguments, would not survive the way to another process.
        raise UserError(str(error)) from error


def _decode_in_turn(
    setup: Setup, kept: Sequence[str], cuts: Path, shares: Iterable[Share], workers: int
) -> Iterator[DecodeCounts]:
    """Decode one share after the other, here, while ``workers`` processes make batches of all ahead."""
    decoded = _decoded(Decoder(setup), cuts, workers)
    for share in shares:
        yield _write(islice(decoded, share.utterances), share.folder, kept)


def _decoded(decoder: Decoder, cuts: Path, workers: int) -> Iterator[Decoded]:
    features, setup = decoder.recogniser.config.features, decoder.setup
    for batch in inference_batches(cuts, features, setup.config.batch_seconds, workers, pin=setup.device != "cpu"):
        yield from decoder(batch, {cut.id: cut.duration for cut in batch.cuts})


def _write(decoded: Iterable[Decoded], folder: Path, kept: Sequence[str]) -> DecodeCounts:
    folder.mkdir()
    counts = DecodeCounts()
    with ExitStack() as stack:
        write = stack.enter_context(utterance_writer(folder))
        lattices = stack.enter_context(ShardWriter(folder / LATTICES, LATTICE_CODEC)) if LATTICES in kept else None
        frames = stack.enter_context(ShardWriter(folder / FRAMES, FRAME_CODEC)) if FRAMES in kept else None
        for each in decoded:
            write(each.line, each.problems)
            counts += DecodeCounts(1, each.line["seconds"], len(each.problems))
            if lattices is not None and each.lattice is not None:
                lattices.write(each.lattice)
                counts += DecodeCounts(lattice_arcs=each.lattice.num_arcs)
            if frames is not None:
                frames.write(each.frames)
    return counts


def _merge(shares: Sequence[Share], results: Iterator[DecodeCounts], folder: Path, bar: "tqdm[Any]") -> DecodeCounts:
    """Put the results of the shares one behind the other, in order, as they come."""
    total = DecodeCounts()
    with ExitStack() as stack:
        streams = {name: stack.enter_context((folder / name).open("wb")) for name in (HYPOTHESES, WARNINGS)}
        for share, counts in zip(shares, results, strict=True):
            for name, stream in streams.items():
                with (share.folder / name).open("rb") as part:
                    shutil.copyfileobj(part, stream)
            for name in (LATTICES, FRAMES):
                if (share.folder / name).exists():
                    adopt_shards(share.folder / name, folder / name)
            shutil.rmtree(share.folder)
            total += counts
            bar.update(round(total.seconds) - bar.n)
    return total


def _summary(job: Decode, setup: Setup, jobs: int, counts: DecodeCounts) -> dict[str, Any]:
    return {
        "exp": str(job.exp),
        "cuts": str(job.cuts),
        "graph": None if job.graph is None else str(job.graph),
        "method": job.method,
        "settings": job.config.model_dump(mode="json"),
        "model_digest": digest(job.exp / "model.safetensors"),
        "graph_digest": None if job.graph is None else digest(job.graph / "graph.safetensors", job.graph / "words.txt"),
        **asdict(replace(counts, seconds=round(counts.seconds, 3))),
        "device": setup.device,
        "jobs": jobs,
    }
