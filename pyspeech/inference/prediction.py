"""Labels of all utterances of a manifest by a trained classifier, written as lines of JSON."""

import json
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor
from tqdm import tqdm

from pyspeech.data.batch import Batch, Samples, one_utterance
from pyspeech.data.batches import inference_batches
from pyspeech.data.features import FeatureExtractor
from pyspeech.data.loading import FEWER_JOBS, lost_workers
from pyspeech.data.manifests import check_manifest
from pyspeech.device import choose_device
from pyspeech.files import complete, refuse_others
from pyspeech.inference.samples import checked_samples
from pyspeech.lang.labels import LabelTable
from pyspeech.processes import jobs_beside
from pyspeech.scoring.accuracy import FILES, PREDICTIONS, TABLE
from pyspeech.tasks.classification import ClassificationTask, Classifier, batch_labels, load_classifier
from pyspeech.transcripts import Manifest

SHOWN_LABELS = 5  # the most likely ones, with their probabilities


@dataclass(frozen=True)
class LabelModel:
    """A trained classifier, for samples in memory."""

    classifier: Classifier

    def probabilities(self, samples_S: Samples, sampling_rate: int) -> dict[str, float]:
        """How probable each label is of one utterance, in -1..1, the most probable first.

        Raises:
            UserError: another sampling rate than the network's, or no samples of one channel.
        """
        config = self.classifier.config.features
        samples_S = checked_samples(samples_S, sampling_rate, config.sampling_rate)
        batch = one_utterance(FeatureExtractor(config).normalised(samples_S), "")
        row_V = ClassificationTask(self.classifier.labels).predict(self.classifier.model, batch)[0].tolist()
        probabilities = zip(self.classifier.labels.labels, row_V, strict=True)
        return dict(sorted(probabilities, key=lambda item: (-item[1], item[0])))


@lost_workers(FEWER_JOBS)
def predict(exp: Path, cuts: Manifest, out: Path, device: str | None = None, jobs: int | None = None) -> int:
    """Write the labels of the utterances of ``cuts``, in their order, to the folder ``out``; return how many.

    Args:
        exp: Folder of a training.
        cuts: Utterances.
        out: The folder.
        device: None for a GPU where there is one, else the CPU.
        jobs: Processes: this one, and those that make its batches; None for what :func:`jobs_beside` says.

    Raises:
        UserError: the training is not finished or was no classification, or something given is missing or damaged,
            an id comes twice, or a process died.
    """
    refuse_others(out, FILES, "predictions")
    on = choose_device(device)
    classifier = load_classifier(exp, on)
    seconds = check_manifest(cuts)
    jobs = jobs or jobs_beside(on.type, seconds)
    task = ClassificationTask(classifier.labels)
    count = 0
    with complete(out) as folder:
        classifier.labels.save(folder / TABLE)
        with (folder / PREDICTIONS).open("w", encoding="utf-8") as stream:
            config = classifier.config
            batches = inference_batches(cuts, config.features, config.batches.max_seconds, jobs - 1, on.type == "cuda")
            for batch in tqdm(batches, desc="predict", unit=" batches", dynamic_ncols=True, disable=None):
                lines = _lines(batch, task.predict(classifier.model, batch), classifier.labels)
                stream.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
                count += len(lines)
    return count


def _lines(batch: Batch, probabilities_BV: Tensor, table: LabelTable) -> list[dict[str, object]]:
    probable = probabilities_BV.topk(min(SHOWN_LABELS, len(table.labels)))
    lines: list[dict[str, object]] = []
    for b, (id_, label) in enumerate(zip(batch.ids, batch_labels(batch, table), strict=True)):
        ids, values = probable.indices[b].tolist(), probable.values[b].tolist()
        scores = {table.labels[i]: round(value, 6) for i, value in zip(ids, values, strict=True)}
        lines.append({"id": id_, "label": label, "predicted": table.labels[ids[0]], "scores": scores})
    return lines
