"""Draw recipes/results.png from what the recipes left: scores with intervals, and the training of the demo.

pip install 'pyspeech[plot]' && python tools/draw_results.py
"""

import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

RECIPES = Path(__file__).resolve().parents[1] / "recipes"
RUNS = {
    "demo\ntdnn_lstm": "demo/exp/tdnn_lstm",
    "yesno\ntdnn_lstm": "yesno/exp/tdnn_lstm",
    "digits\ntdnn_lstm": "digits/exp/tdnn_lstm",
    "digits\nbilstm_ctc": "digits/exp/bilstm_ctc",
}
BAR, LINE, OTHER = "#2c6e9b", "#c4572e", "#555555"


def main() -> None:
    """Write the picture."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), constrained_layout=True)
    for place, run in enumerate(RUNS.values()):
        score = json.loads((RECIPES / run / "decode/test/score/score.json").read_text())
        low, high = score["wer_interval_95_percent"]
        left.bar(place, score["wer_percent"], color=BAR, width=0.55)
        left.plot([place, place], [low, high], color="black", linewidth=1.2)
        left.text(place, high + 0.15, f"{score['wer_percent']:.2f}", ha="center")
    left.set_xticks(range(len(RUNS)), list(RUNS))
    left.set_ylabel("word error rate on test, %")
    left.set_title("Recipes, with 95% intervals", fontsize=11)

    lines = [
        json.loads(line) for line in (RECIPES / RUNS["demo\ntdnn_lstm"] / "metrics.jsonl").read_text().splitlines()
    ]
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
