# shellcheck shell=bash
# Sourced by the run.sh of a classification recipe instead of recipe.sh: what its stages do, in the folders that every
# recipe uses. A recipe gives what is particular: $corpus, $model, which field of an utterance is its label; it may
# set $noise_dir and $rir_dir.
# shellcheck disable=SC2154  # the recipe sets model
. "${BASH_SOURCE[0]%/*}/corpus.sh" || exit

train() { train_on "" --labels "$data/labels"; }

predict() { # splits
  local split
  for split in "$@"; do pyspeech predict "$(experiment)" "$data/fbank/$split.jsonl.gz"; done
}

score() { # splits that were predicted; the last one's figure is the recipe's
  local split
  for split in "$@"; do pyspeech score accuracy "$data/manifests/$split.jsonl.gz" "$(experiment)/predict/$split"; done
}
