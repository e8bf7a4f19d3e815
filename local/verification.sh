# shellcheck shell=bash
# Sourced by the run.sh of a speaker verification recipe instead of recipe.sh: what its stages do, in the folders that
# every recipe uses. The network learns the speakers of train; those of dev, on which all is chosen, and of test are
# others. A recipe gives what is particular: $corpus, $model, and may set $noise_dir and $rir_dir.
# shellcheck disable=SC2154  # the recipe sets model
. "${BASH_SOURCE[0]%/*}/corpus.sh" || exit

trials() { # split, options of pyspeech trials
  pyspeech trials "$data/manifests/$1.jsonl.gz" "$data/trials/$1.txt" "${@:2}"
}

features() { features_but_train manifests; } # train's crops are new in every epoch

train() {
  noise_dir=$(find_sounds noise "$noise_dir")
  rir_dir=$(find_sounds rir "$rir_dir")
  train_on manifests --labels "$data/labels"
}

find_sounds() { # noise or rir, the folder given, if any: prints the folder to use, if there is one
  local folder=$2
  [[ -n $2 ]] || folder=$(_absolute "${PYSPEECH_CORPORA:-/nonexistent}")/noise_and_rir/$1
  if [[ -n $2 || -d $folder ]]; then
    echo "$folder"
  else
    echo "trains without added $1: no --$1-dir is given, and there is no \$PYSPEECH_CORPORA/noise_and_rir/$1" >&2
  fi
}

embed() { # splits
  local split cuts
  for split in "$@"; do
    cuts=$data/fbank/$split.jsonl.gz
    [[ $split != train ]] || cuts=$data/manifests/train.jsonl.gz
    pyspeech embed "$(experiment)" "$cuts" "$(experiment)/embeddings/$split"
  done
}

# A result is named <split>_<what was done>, test_plda: the split is what stands before the first underscore.

verify() { # name of the result, options of pyspeech verify
  local split=${1%%_*}
  pyspeech verify "$data/trials/$split.txt" "$(experiment)/embeddings/$split" --out "$(experiment)/verify/$1" "${@:2}"
}

by_cosine() { # splits
  local split
  for split in "$@"; do verify "$split"; done
}

by_cohort() { # splits; cosines, normalised by those with the speakers of train
  local split
  for split in "$@"; do verify "${split}_cohort" --cohort "$(experiment)/embeddings/train"; done
}

by_plda() { # splits
  local split
  pyspeech plda "$(experiment)/embeddings/train" "$(experiment)/plda.npz"
  for split in "$@"; do verify "${split}_plda" --plda "$(experiment)/plda.npz"; done
}

calibrate() { # names of results of test; dev's result of that kind shows what a score means
  local name results
  results=$(experiment)/verify
  for name in "$@"; do
    pyspeech calibrate "$results/$name" --tune "$results/dev${name#"${name%%_*}"}" --out "$results/${name}_calibrated"
  done
}

identify() { # splits, whose speakers are enrolled by their first utterances and found by the others
  local split embeddings
  embeddings=$(experiment)/embeddings
  for split in "$@"; do
    pyspeech score identification "$embeddings/$split" --tune "$embeddings/dev" --out "$(experiment)/identify/$split"
  done
}

score() { # names of results; the last one's figure is the recipe's
  local name
  for name in "$@"; do pyspeech score verification "$(experiment)/verify/$name"; done
}
