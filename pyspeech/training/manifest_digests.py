"""What the manifests of a training hold: read through once, so that a resumed training begins at once."""

from collections.abc import Callable
from pathlib import Path

from pyspeech.errors import UserError
from pyspeech.files import digest, existing, write_json
from pyspeech.json_files import read_json
from pyspeech.transcripts import Transcript, read_transcripts

FILE = "contents.json"  # in the folder of a training


class Contents:
    """Digests of the contents of manifests, remembered by the size and the time of their files."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def load(self, exp: Path) -> None:
        """Remember what a training in ``exp`` has read; it must have been for the same task.

        Raises:
            UserError: the file is damaged.
        """
        if (exp / FILE).exists():
            remedy = "remove it: it is made again"
            self.known = read_json(exp / FILE, "digests of manifests", remedy)
            if not all(isinstance(known, str) for known in self.known.values()):
                raise UserError(f"{exp / FILE} holds other things than digests of manifests; {remedy}")

    def save(self, exp: Path) -> None:
        """Let a later training know."""
        write_json(exp / FILE, self.known)

    def of(self, manifest: Path, target_of: Callable[[Transcript], str], part: str) -> str:
        """Make sure that all of a manifest can be learnt, or measured on, and return a digest of what.

        Raises:
            UserError: no utterances, or one without a target, naming the cut.
        """
        state = existing(manifest, "manifest").stat()
        key = f"{part} {manifest.resolve()} {state.st_size} {state.st_mtime_ns}"
        if key not in self.known:
            self.known[key] = _content(manifest, target_of)
        return self.known[key]


def _content(manifest: Path, target_of: Callable[[Transcript], str]) -> str:
    # A manifest that was made again holds the same utterances in other bytes: gzip writes the time.
    state = ""
    for t in read_transcripts(manifest):
        try:
            target = target_of(t)
        except UserError as error:
            raise UserError(f"{manifest}, cut '{t.id}': {error}") from error
        state = digest(state, t.id, target, t.seconds)
    if not state:
        raise UserError(f"{manifest} holds no utterances; run the stage that makes it again")
    return state
