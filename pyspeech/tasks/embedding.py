"""Embeddings of all utterances of a manifest by a trained network, stored for any number of comparisons."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from pyspeech.data.batches import inference_batches
from pyspeech.errors import UserError
from pyspeech.files import refuse_others
from pyspeech.scoring.embeddings import IDS, ROWS, save_embeddings
from pyspeech.tasks.classification import Classifier, load_classifier
from pyspeech.tasks.network import device_of
from pyspeech.training.device import choose_device


def embed(exp: Path, cuts: Path, out: Path, device: str | None = None) -> int:
    """Write the embeddings of the utterances of ``cuts``, in their order, to the folder ``out``; return how many.

    Raises:
        UserError: the training is not finished or was no classification, or something given is missing or damaged.
    """
    refuse_others(out, {IDS, ROWS}, "embeddings")  # before an hour's work rather than after it
    classifier = load_classifier(exp, choose_device(device))
    ids: list[str] = []
    rows: list[NDArray[np.float32]] = []
    for batch_ids, rows_BD in _embedded(classifier, cuts):
        ids += batch_ids
        rows.append(rows_BD)
    if len(set(ids)) < len(ids):
        raise UserError(f"{cuts} holds an id twice; pyspeech validate {cuts} says which")
    save_embeddings(out, ids, np.concatenate(rows))
    return len(ids)


def _embedded(classifier: Classifier, cuts: Path) -> Iterator[tuple[tuple[str, ...], NDArray[np.float32]]]:
    config, model = classifier.config, classifier.model
    batches = inference_batches(cuts, config.features, config.batches.max_seconds)
    for batch in tqdm(batches, desc="embed", unit=" batches", dynamic_ncols=True, disable=None):
        with torch.no_grad():
            rows_BD = model.embed(batch.features_BTF.to(device_of(model)), batch.lengths_B)
        yield batch.ids, rows_BD.to("cpu").numpy()
