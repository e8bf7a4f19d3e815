# shellcheck shell=bash
# Sourced by recognition.sh, classification.sh and verification.sh: the stages that they share, and the folders.
# shellcheck disable=SC2154,SC2034  # the recipe sets corpus and model; data and exp are for whoever sources this
. "${BASH_SOURCE[0]%/*}/recipe.sh" || exit

data=data exp=exp  # a recipe of several corpora or subsets sets them after parse_options
prepare=()         # and the options that its prepare.py has of its own

download() { python prepare.py download "$corpus" "${prepare[@]}"; }

manifests() { # a fault that would spoil hours of training ends the stage: see pyspeech validate --help
  python prepare.py manifests "$corpus" "$data/manifests" "${prepare[@]}"
  pyspeech validate "$data"/manifests/*.jsonl.gz >&2
}

size_of_train() { # small or full, where a recipe has conf/small for some hours on a CPU and conf/full for a GPU
  local utterances
  utterances=$(gzip -dc "$data/manifests/train.jsonl.gz" 2>/dev/null | wc -l) || true # before stage 1, too
  if ((utterances < 2500)); then echo small; else echo full; fi
}

features() { pyspeech features "$data"/manifests/*.jsonl.gz "$data/fbank" --config "conf/$model.yaml" --perturb train; }

# Or train is new in every epoch, and its features are computed then; those of all other splits are stored:

audio() { pyspeech audio "$data"/manifests/*.jsonl.gz "$data/audio" --config "conf/$model.yaml"; }

features_but_train() { # folder of the manifests in $data: audio, where recordings are resampled once, or manifests
  local manifest held_out=()
  for manifest in "$data"/manifests/*.jsonl.gz; do # the splits that there are now
    [[ $manifest == */train.jsonl.gz ]] || held_out+=("$data/$1/${manifest##*/}")
  done
  pyspeech features "${held_out[@]}" "$data/fbank" --config "conf/$model.yaml"
}

add_sounds() { # noise or rir, folder of such sounds or nothing: adds the setting, if any, to the recipe's array words
  [[ -z $2 ]] || words+=("noise.$1_dir='${2//\'/\'\'}'") # quoted as YAML has it
}

labels() { # text or speaker: what of an utterance is its label
  pyspeech labels "$data/labels" --manifest "$data/manifests/train.jsonl.gz" --field "$1"
}
