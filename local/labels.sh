# shellcheck shell=bash
# Sourced by classification.sh and verification.sh: training a network to tell labels apart.
# shellcheck disable=SC2154  # the recipe sets model
. "$(dirname "${BASH_SOURCE[0]}")/corpus.sh"

labels() { # text or speaker: what of an utterance is its label
  pyspeech labels "$data/labels" --manifest "$data/manifests/train.jsonl.gz" --field "$1"
}

train() {
  pyspeech train "conf/$model.yaml" "$exp/$model" --labels "$data/labels" \
    --train "$data/fbank/train.jsonl.gz" --dev "$data/fbank/dev.jsonl.gz"
}
