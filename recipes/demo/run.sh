#!/usr/bin/env bash
# demo: voice commands with many rare names, spoken by espeak-ng; no download. TDNN-LSTM, phones, bigram HLG.
# Voices and sentences of dev and test are not in train; some names occur in test alone.
recipe_script=$(readlink -f "$0") && . "${recipe_script%/*}/../../local/recognition.sh" || exit

model=tdnn_lstm  # conf/<model>.yaml
parse_options "$@"
corpus=$PWD/download/voices

if stage 0 "Synthesise the corpus"; then download; fi
if stage 1 "Write the manifests"; then manifests; fi
if stage 2 "Compute the features"; then features; fi
if stage 3 "Build the lexicon, the language model and the graph"; then
  tokens phones --espeak en-us
  language_model lm --order 2
  graph
fi
if stage 4 "Train"; then train; fi
if stage 5 "Decode"; then decode dev test; fi
if stage 6 "Rescore with a text that holds all names"; then
  language_model lm_contacts "$corpus/contacts.txt" --order 3
  rescore test_contacts --lm data/lm_contacts --method search
fi
if stage 7 "Score"; then
  compare test test_contacts
  score test test_contacts
fi
