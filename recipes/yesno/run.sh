#!/usr/bin/env bash
# yesno: one man says "yes" and "no" in Hebrew, eight words a file (OpenSLR 1). TDNN-LSTM, phones, bigram HLG.
recipe_script=$(readlink -f "$0") && . "${recipe_script%/*}/../../local/recognition.sh" || exit

corpus_dir=      # the unpacked waves_yesno; else $PYSPEECH_CORPORA/waves_yesno, else downloaded
model=tdnn_lstm  # conf/<model>.yaml
parse_options "$@"
corpus=$(find_corpus waves_yesno "$corpus_dir")

if stage 0 "Download the corpus"; then download; fi
if stage 1 "Write the manifests"; then manifests; fi
if stage 2 "Compute the features"; then features; fi
if stage 3 "Build the lexicon, the language model and the graph"; then
  tokens phones --lexicon conf/lexicon.txt
  language_model lm --order 2
  graph
fi
if stage 4 "Train"; then train; fi
if stage 5 "Decode"; then decode test; fi
if stage 7 "Score"; then score test; fi
