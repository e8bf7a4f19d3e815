"""Likelihood ratios from the scores of one verification by those of another."""

from pathlib import Path

from pyspeech.errors import UserError
from pyspeech.files import refuse_others
from pyspeech.speakers.calibration import AffineMap, fit_calibration
from pyspeech.speakers.embeddings import refuse_shared
from pyspeech.speakers.scored_trials import ScoredTrials, load_scored_trials
from pyspeech.speakers.verify import FILES, write_verification


def calibrate(verification: Path, tune: Path, out: Path, p_target: float) -> AffineMap:
    """Map the scores of ``verification`` to natural log-likelihood ratios, as fits ``tune``; write them to ``out``.

    Args:
        verification: Folder of a verification.
        tune: Folder of another one, of other speakers' trials, scored by the same means.
        out: Another folder to write, of a verification that is calibrated. ``verify.json`` holds the map.
        p_target: As :func:`pyspeech.speakers.calibration.fit_calibration` takes it.

    Raises:
        UserError: one of both is missing, damaged, calibrated already or ``out``; they share an utterance or a speaker,
            or their scores are not of the same means; there is no map for those of ``tune``.
    """
    if out.resolve() in (verification.resolve(), tune.resolve()):
        raise UserError(f"--out {out} would replace the scores that calibration needs; name a new folder")
    refuse_others(out, FILES, "a verification")
    scored, dev = load_scored_trials(verification), load_scored_trials(tune)
    for folder, one in ((verification, scored), (tune, dev)):
        if one.calibrated:
            raise UserError(f"{folder} is calibrated already; name the verification that it was made from")
    if scored.means != dev.means:
        raise UserError(
            f"{verification} was scored by {scored.means}, {tune} by {dev.means}; verify both by the same means"
        )
    for part in sorted(scored.made_with.keys() | dev.made_with.keys()):
        if scored.made_with.get(part) != dev.made_with.get(part):
            raise UserError(f"{verification} and {tune} differ in the {part}; verify both by the same means")
    refuse_shared("speaker", verification, scored.speakers, tune, dev.speakers)
    refuse_shared("utterance", verification, _utterances(scored), tune, _utterances(dev))
    try:
        fitted = fit_calibration(dev.score_T, dev.targets, p_target)
    except UserError as error:
        raise UserError(f"{tune}: {error}") from error
    description = {
        "scores": scored.means,
        "calibrated": True,
        "made_with": scored.made_with,
        "speakers": scored.speakers,
        "scale": fitted.scale,
        "offset": fitted.offset,
        "p_target": p_target,
        "tuned_on": str(tune),
    }
    write_verification(out, scored.trials, fitted(scored.score_T).tolist(), description)
    return fitted


def _utterances(scored: ScoredTrials) -> set[str]:
    return {id_ for pair in scored.pairs for id_ in pair}
