# shellcheck shell=bash
# Sourced by recognition.sh, classification.sh and verification.sh: the stages that they share, and the folders.
# shellcheck disable=SC2154,SC2034  # the recipe sets corpus and model; data and exp are for whoever sources this
. "${BASH_SOURCE[0]%/*}/recipe.sh" || exit
. "$recipe_project/local/options.sh" || exit

data=data exp=exp  # a recipe of several corpora or subsets sets them after parse_options
prepare=()         # and the options that its prepare.py has of its own
noise_dir='' rir_dir=''  # which it may offer, too
recipe_shared=$recipe_project/local/options.sh recipe_check=check_settings recipe_set=()

check_settings() { # a setting that no command knows ends the recipe before hours are spent, once $model is known
  [[ ${#set[@]} -gt 0 && -e conf/$model.yaml ]] || return 0
  pyspeech config "conf/$model.yaml" "${set[@]}" >/dev/null || return
  recipe_check=:
}

set_of() { # train, decode, rescore: puts what is --set for these, by its first component, into the array recipe_set
  local word of
  recipe_set=()
  for word in "${set[@]}"; do
    of=train
    [[ $word != decode.* && $word != rescore.* ]] || of=${word%%.*}
    ! _is_one_of "$of" "$@" || recipe_set+=("$word")
  done
}

experiment() { echo "$exp/${exp_name:-$model}"; }

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

features() { # of all splits, train's at every speed; where sounds are added to train, those of the others
  if [[ -n $noise_dir$rir_dir ]]; then
    audio
    features_but_train audio
  else
    pyspeech features "$data"/manifests/*.jsonl.gz "$data/fbank" --config "conf/$model.yaml" --perturb train
  fi
}

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

train_on() { # folder of train's manifest in $data, or nothing for what features left; the table, as an option
  local from=$1 words=()
  [[ -n $from ]] || if [[ -n $noise_dir$rir_dir ]]; then from=audio; else from=fbank; fi
  add_sounds noise "$noise_dir"
  add_sounds rir "$rir_dir"
  set_of train
  pyspeech train "conf/$model.yaml" "$(experiment)" "${words[@]}" "${recipe_set[@]}" "${@:2}" \
    --train "$data/$from/train.jsonl.gz" --dev "$data/fbank/dev.jsonl.gz" --processes "$processes" \
    ${init_dir:+--init "$init_dir"}
}

labels() { # text or speaker: what of an utterance is its label
  pyspeech labels "$data/labels" --manifest "$data/manifests/train.jsonl.gz" --field "$1"
}
