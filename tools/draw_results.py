"""Draw recipes/results.png from what the recipes left: scores with intervals, and the training of the demo.

pip install 'pyspeech-recipes[plot]' && python tools/draw_results.py
"""

import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

RECIPES = Path(__file__).resolve().parents[1] / "recipes"
RUNS = {  # experiment -> what is shown of it: the decode, and the best of its rescorings
    "demo/exp/tdnn_lstm": ("test", "test_contacts"),
    "ljspeech/exp/small/conformer": ("test", "test_all_words"),
    "yesno/exp/tdnn_lstm": ("test",),
    "digits/exp/tdnn_lstm": ("test",),
    "digits/exp/bilstm_ctc": ("test",),
}
BAR, LINE, OTHER = "#2c6e9b", "#c4572e", "#555555"


def main() -> None:
    """Write the picture."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), constrained_layout=True)
    for place, (run, decodes) in enumerate(RUNS.items()):
        for number, decode in enumerate(decodes):
            score = json.loads((RECIPES / run / "decode" / decode / "score/score.json").read_text())
            low, high = score["wer_interval_95_percent"]
            x = place + 0.4 * (number - (len(decodes) - 1) / 2)
            left.bar(x, score["wer_percent"], color=(BAR, LINE)[number], width=0.36)
            left.plot([x, x], [low, high], color="black", linewidth=1.2)
            left.text(x, high + 0.4, f"{score['wer_percent']:.2f}", ha="center", fontsize=9)
    left.bar(0, 0, color=BAR, label="decoded")
    left.bar(0, 0, color=LINE, label="rescored from the stored decode")
    left.legend(frameon=False, loc="upper right")
    left.set_ylim(top=1.35 * left.get_ylim()[1])
    left.set_xticks(range(len(RUNS)), [run.replace("/exp/", "\n") for run in RUNS], fontsize=9)
    left.set_ylabel("word error rate on test, %")
    left.set_title("Recipes, with 95% intervals", fontsize=11)

    lines = [json.loads(line) for line in (RECIPES / "demo/exp/tdnn_lstm/metrics.jsonl").read_text().splitlines()]
    epochs = [line["epoch"] for line in lines]
    right.plot(epochs, [line["train_loss"] for line in lines], color=OTHER, marker="o", label="train loss")
    right.plot(epochs, [line["dev_loss"] for line in lines], color=BAR, marker="o", label="dev loss")
    right.plot(
        epochs, [line["dev_token_error_rate"] for line in lines], color=LINE, marker="o", label="dev phone errors"
    )
    right.set_xticks(epochs)
    right.set_xlabel("epoch")
    right.set_ylim(bottom=0)
    right.set_title("Training of the demo (voices of dev are not in train)", fontsize=11)
    right.legend(frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(RECIPES / "results.png", dpi=110)


if __name__ == "__main__":
    main()
