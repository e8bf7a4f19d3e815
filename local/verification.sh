# shellcheck shell=bash
# Sourced by the run.sh of a speaker verification recipe instead of recipe.sh: what its stages do, in the folders that
# every recipe uses. The network learns to tell the speakers of train apart, on which dev, of the same speakers, is
# measured; those of test are others, compared by their embeddings. A recipe gives what is particular: $corpus, $model.
# shellcheck disable=SC2154  # the recipe sets model
. "$(dirname "${BASH_SOURCE[0]}")/labels.sh"

# A corpus that has a list of trials of its own writes it to $data/trials/<split>.txt instead.
trials() { # split, options of pyspeech trials
  pyspeech trials "$data/manifests/$1.jsonl.gz" "$data/trials/$1.txt" "${@:2}"
}

embed_and_verify() { # splits that have trials
  local split
  for split in "$@"; do
    pyspeech embed "$exp/$model" "$data/fbank/$split.jsonl.gz" "$exp/$model/embeddings/$split"
    pyspeech verify "$data/trials/$split.txt" "$exp/$model/embeddings/$split" --out "$exp/$model/verify/$split"
  done
}

score() { # splits that were verified; the last one's figure is the recipe's
  local split
  for split in "$@"; do pyspeech score verification "$exp/$model/verify/$split"; done
}
