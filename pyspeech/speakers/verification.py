"""The report on a verification: figures of the scores of its trials, as text, as JSON and as a picture."""

from dataclasses import dataclass
from pathlib import Path

from pyspeech.errors import MissingPackage
from pyspeech.files import complete, write_json, write_text
from pyspeech.scoring.figures import interval_text, interval_values, percent
from pyspeech.scoring.write_report import FOLDER
from pyspeech.speakers.det_curve import draw_det_curve
from pyspeech.speakers.scored_trials import load_scored_trials
from pyspeech.speakers.speaker_bootstrap import REPLICATIONS, SEED
from pyspeech.speakers.verification_figures import EER, Figure, VerificationFigures, verification_figures

PICTURE = "det.png"


@dataclass(frozen=True)
class VerificationReport:
    """Figures of the verification in ``folder``.

    Args:
        measured: On its trials.
        means: What the scores are.
        calibrated: Whether they are likelihood ratios.
        folder: Of the verification.
        without_picture: Why there is no picture; empty where there is one.
    """

    measured: VerificationFigures
    means: str
    calibrated: bool
    folder: Path
    without_picture: str


def report_verification(folder: Path) -> VerificationReport:
    """Score ``folder/scores.tsv`` and write ``score.json``, ``report.txt`` and ``det.png`` to ``folder/score``.

    Without matplotlib, the picture alone is left out.

    Raises:
        UserError: no scores, damaged ones, or trials of one kind only; nothing is written then.
        MissingPackage: scipy is not installed.
    """
    scored = load_scored_trials(folder)
    measured = verification_figures(scored)
    with complete(folder / FOLDER) as partial:
        partial.mkdir()
        without_picture = ""
        try:
            draw_det_curve(measured, folder, partial / PICTURE)
        except MissingPackage as error:
            without_picture = str(error)
        report = VerificationReport(measured, scored.means, scored.calibrated, folder, without_picture)
        write_json(partial / "score.json", verification_values(report))
        write_text(partial / "report.txt", verification_text(report) + verification_line(report) + "\n")
    return report


def verification_line(report: VerificationReport) -> str:
    """``%EER 3.10 95% [ 2.2, 4.0 ] exp/verify/test``."""
    rate = report.measured.figures[EER]
    return f"%EER {100 * rate.value:.2f} 95% {interval_text(rate.interval)} {report.folder}"


def verification_values(report: VerificationReport) -> dict[str, object]:
    """Return every figure by name, ready for JSON; of error rates in percent."""
    measured = report.measured
    rate = measured.figures[EER]
    return {
        "eer_percent": percent(rate.value),
        "eer_interval_95_percent": interval_values(rate.interval),
        **{
            name: {"value": round(one.value, 6), "interval_95": [round(bound, 6) for bound in one.interval]}
            for name, one in measured.figures.items()
            if name != EER
        },
        "target_trials": measured.targets,
        "non_target_trials": measured.non_targets,
        "speakers": measured.speakers,
        "scores": report.means,
        "calibrated": report.calibrated,
        "bootstrap": {"over": "speakers", "replications": REPLICATIONS, "seed": SEED},
        "verification": str(report.folder),
    }


def verification_text(report: VerificationReport) -> str:
    """Return all figures as a table, and what was measured on."""
    measured = report.measured
    lines = [
        f"{measured.targets} target and {measured.non_targets} non-target trials of {measured.speakers} speakers, over "
        "whom the intervals are",
        f"Scores: {report.means}, "
        + (
            "calibrated" if report.calibrated else "not calibrated, so without actDCF and Cllr (see pyspeech calibrate)"
        ),
        "",
        "                 value   95%",
        *(_row(name, one) for name, one in measured.figures.items()),
        "",
        *_rule_of_three(measured),
        "minDCF, actDCF: cost at this probability of a target trial, 1 for saying always the same; Cllr in bits",
    ]
    return "\n".join(lines) + "\n\n"


def _rule_of_three(measured: VerificationFigures) -> list[str]:
    if measured.figures[EER].interval not in ((0.0, 0.0), (1.0, 1.0)):
        return []
    # Resampling speakers without errors can only give no errors; the rule of three still gives a bound.
    bound = min(100.0, 100 * 3 / measured.speakers)
    return [f"All or none wrong; by the rule of three over speakers the true EER may differ by {bound:.2f}% (95%)"]


def _row(name: str, figure: Figure) -> str:
    low, high = figure.interval
    if name == EER:
        return f"{'EER, %':<14} {100 * figure.value:7.2f}   {interval_text(figure.interval)}"
    return f"{name:<14} {figure.value:7.3f}   [ {low:.3f}, {high:.3f} ]"
