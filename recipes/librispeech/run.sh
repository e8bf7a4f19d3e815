#!/usr/bin/env bash
# librispeech: English books read aloud, 5, 100 or 960 hours. Either model, phones, 3-gram HLG; rescored with a 4-gram.
recipe_script=$(readlink -f "$0") && . "${recipe_script%/*}/../../local/recognition.sh" || exit

corpus_dir=       # the folder LibriSpeech; else under $PYSPEECH_CORPORA, else downloaded
subset=mini       # train on mini (5 hours), 100 or 960
model=bilstm_ctc  # or tdnn_lstm: conf/<size>/<model>.yaml
size=             # mini, 100 or 960: how large a network; else as the subset
lexicon_file=     # librispeech-lexicon.txt of openslr.org/11, or cmudict; what it lacks, espeak-ng pronounces
lm_dir=           # with 3-gram.pruned.1e-7.arpa.gz and 4-gram.arpa.gz of openslr.org/11; else n-grams are counted
lm_text=          # sentences to count besides train's, in capitals like those, one a line: a file .txt, .gz or .xz
parse_options "$@"
corpus=$(find_corpus LibriSpeech "$corpus_dir")
model=${size:-$subset}/$model data=data/$subset exp=exp/$subset prepare=(--subset "$subset")

tests() { # the test sets that there are
  find "$data/manifests" -name 'test-*.jsonl.gz' -printf '%f\n' | cut -d. -f1 | sort | grep . || {
    echo "error: the corpus has neither test-clean nor test-other; without one there is nothing to report" >&2
    return 1
  }
}

arpa() { # name in $lm_dir, name in $data: the one that there is
  local given=("$lm_dir/$1".arpa*)
  if [[ -n $lm_dir ]]; then echo "${given[0]}"; else echo "$data/$2"; fi
}
lm=$(arpa 3-gram.pruned.1e-7 lm)

if stage 0 "Download the corpus"; then download; fi
if stage 1 "Write the manifests"; then manifests; fi
if stage 2 "Compute the features"; then features; fi
if stage 3 "Build the lexicon, the language models and the graph"; then
  tokens phones ${lexicon_file:+--lexicon "$lexicon_file"} --espeak en-us
  if [[ -z $lm_dir ]]; then
    language_model lm ${lm_text:+"$lm_text"} --order 3 --prune "0 0 1" --vocabulary-limit 30000
    language_model lm_4gram ${lm_text:+"$lm_text"} --order 4 --prune "0 0 1"
  fi
  graph
fi
if stage 4 "Train"; then train; fi
if stage 5 "Decode"; then
  parts=$(tests)
  for part in dev $parts; do decode "$part"; done
fi
if stage 6 "Rescore with the 4-gram"; then
  parts=$(tests)
  for part in $parts; do rescore "${part}_4gram" --lm "$(arpa 4-gram lm_4gram)"; done
fi
if stage 7 "Score"; then
  parts=$(tests)
  for part in $parts; do score "$part" "${part}_4gram"; done
fi
