#!/usr/bin/env bash
# x: the lhotse manifests in corpus, 0.00 hours. TDNN-LSTM, phones, 2-gram HLG.
recipe_script=$(readlink -f "$0") && . "${recipe_script%/*}/../../local/recognition.sh" || exit

corpus_dir=/tmp/pytest-of-root/pytest-183/popen-gw0/test_what_a_manifest_names_in_2/corpus  # the folder of the corpus
model=tdnn_lstm                                                                             # conf/<model>.yaml
lm_text=                                                                                    # sentences for the language model besides train's text: a file .txt, .gz or .xz
parse_options "$@"
corpus=$(find_corpus x "$corpus_dir")

if stage 1 "Write the manifests"; then manifests; fi
if stage 2 "Compute the features"; then features; fi
if stage 3 "Build the lexicon, the language model and the graph"; then
  tokens phones --espeak en
  language_model lm ${lm_text:+"$lm_text"} --order 2
  graph
fi
if stage 4 "Train"; then train; fi
if stage 5 "Decode"; then decode dev test; fi
if stage 7 "Score"; then score test; fi
