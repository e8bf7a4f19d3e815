# shellcheck shell=bash
# Sourced by corpus.sh: options of every recipe that trains, besides those of its own.
# shellcheck disable=SC2034  # corpus.sh uses them

exp_name=    # folder in exp to train into, in place of the model's name: experiments stand side by side
set=()       # KEY=VALUE, such as training.epochs=3 or decode.search_beam=15: settings in place of those in conf
init_dir=    # folder of a training to begin with, such as another recipe's exp/tdnn_lstm, in place of random weights
processes=1  # to train with: as many as there are GPUs
