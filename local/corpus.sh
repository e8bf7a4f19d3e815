# shellcheck shell=bash
# Sourced by recognition.sh, classification.sh and verification.sh: the stages that they share, and the folders.
# shellcheck disable=SC2154,SC2034  # the recipe sets corpus and model; data and exp are for whoever sources this
. "$(dirname "${BASH_SOURCE[0]}")/recipe.sh"

data=data exp=exp  # a recipe of several corpora or subsets sets them after parse_options

download() { python prepare.py download "$corpus"; }

manifests() { # a fault that would spoil hours of training ends the stage: see pyspeech validate --help
  python prepare.py manifests "$corpus" "$data/manifests"
  pyspeech validate "$data"/manifests/*.jsonl.gz >&2
}

features() { pyspeech features "$data"/manifests/*.jsonl.gz "$data/fbank" --config "conf/$model.yaml" --perturb train; }

labels() { # text or speaker: what of an utterance is its label
  pyspeech labels "$data/labels" --manifest "$data/manifests/train.jsonl.gz" --field "$1"
}
