"""The one place that opens an n-gram model with KenLM (https://aclanthology.org/W11-2123/)."""

import re
from pathlib import Path
from typing import Any

from pyspeech.errors import MissingPackage, UserError
from pyspeech.files import existing_file

MAX_REASON = 200  # KenLM quotes lines of what is no model, and those can be long


def open_model(path: Path) -> Any:  # noqa: ANN401 (kenlm.Model, which has no types)
    """Return the ``kenlm.Model`` of an ARPA file or a KenLM binary.

    A binary is mapped into memory and read ahead; processes that open the same one share that memory. An ARPA file is
    parsed into the memory of this process, which takes minutes and gigabytes where the model is large.

    Raises:
        UserError: the file is missing or not a whole model, or kenlm is not installed.
    """
    try:
        import kenlm
    except ImportError as error:
        raise MissingPackage("kenlm", "a language model", "pip install kenlm") from error
    existing_file(path, "language model")
    config = kenlm.Config()
    config.show_progress, config.arpa_complain = False, kenlm.ARPALoadComplain.NONE
    try:
        return kenlm.Model(str(path), config)
    # The second where KenLM quotes bytes that are no text, the third where a file promises more than memory holds.
    except (OSError, UnicodeDecodeError, MemoryError) as error:
        raise UserError(f"{path} is not a model that KenLM can read: {_reason(error)}; make it again") from error


def _reason(error: Exception) -> str:
    """What KenLM says, without the place in its source."""
    if not isinstance(error, OSError):
        return "it is damaged, or no model at all"
    text = re.sub(r"^Cannot read model '.*' \((.*)\)$", r"\1", str(error))
    text = re.sub(r"^.* threw \w+(?: because `.*?')?\.\s*", "", text)
    text = re.sub(r"[. ]*Byte: (\d+)$", r", at byte \1", text)
    return text[:MAX_REASON].strip(" .") or "it is no model at all"
