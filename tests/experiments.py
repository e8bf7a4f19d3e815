"""A trained-model folder and a graph, made in a test: tones as words, spelled in characters."""

from pathlib import Path

import torch

from pyspeech.config import load_config
from pyspeech.lang.tokens import CharacterTokens, TokenSet
from pyspeech.settings import save_config
from pyspeech.tasks.network import new_model
from pyspeech.tensor_files import write_tensors
from tests.tones import PITCHES, RATE

YAML = f"""include: [fbank, augment, train, ctc, tdnn_lstm]
task: recognition
features: {{sampling_rate: {RATE}, num_mel_bins: 24, high_hz: 0}}
augment: {{speeds: [1.0], time_masks: 0, frequency_masks: 0}}
batches: {{max_seconds: 6, buckets: 2, workers: 0}}
model: {{tdnn_width: 32, lstm_width: 32, lstm_layers: 1, label_delay: 2, dropout: 0.1}}
training: {{epochs: 12, learning_rate: 0.01, average_epochs: 2}}
"""
ARPA = """\\data\\
ngram 1=5

\\1-grams:
-0.6\tLOW
-0.6\tMID
-0.6\tHIGH
-0.6\t</s>
-99\t<s>

\\end\\
"""


def save_untrained(exp: Path, seed: int = 0) -> None:
    """What training leaves, with random weights."""
    exp.mkdir(parents=True)
    (exp / "conf.yaml").write_text(YAML)
    config = load_config(exp / "conf.yaml")
    save_config(config, exp / "config.yaml")
    tokens = CharacterTokens.from_words(PITCHES)
    tokens.save(exp / "lang")
    torch.manual_seed(seed)
    model = new_model(config, len(tokens.symbols), "frame")
    write_tensors(exp / "model.safetensors", model.state_dict(), {})


def save_tone_graph(folder: Path, tokens: TokenSet | None = None, arpa_text: str = ARPA) -> None:
    from pyspeech.graph.compose import make_graph

    arpa = folder.with_suffix(".arpa")
    arpa.write_text(arpa_text)
    make_graph(folder, "key", tokens or CharacterTokens.from_words(PITCHES), arpa)
