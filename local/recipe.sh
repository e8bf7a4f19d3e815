# shellcheck shell=bash
# Sourced by every recipes/*/run.sh: strict mode, options, stages, and the Python environment.
#
#   #!/usr/bin/env bash
#   # What the recipe does (this block is its --help).
#   recipe_script=$(readlink -f "$0") && . "${recipe_script%/*}/../../local/recipe.sh" || exit
#
#   corpus_dir=            # the unpacked corpus; else $PYSPEECH_CORPORA/NAME, else downloaded
#   model=bilstm_ctc       # every NAME=VALUE line above parse_options is an option, its comment the help
#   lm_text=()             # an array: the option may be given several times
#   parse_options "$@"
#   corpus=$(find_corpus NAME "$corpus_dir")
#
#   if stage 1 "Write the manifests"; then
#     python prepare.py manifests "$corpus" data/manifests
#   fi
#
# The recipe runs in its own folder. Names that start with recipe_ belong to this file. What sources it for several
# recipes may set recipe_shared, a file whose NAME=VALUE lines are options of them all, and recipe_check, a command that
# looks at the options before each stage that runs.
set -Eeuo pipefail

((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404)) || { # whose empty arrays are no unset variables
  echo "error: recipes need bash 4.4 or later, this is $BASH_VERSION; install a newer one" >&2
  exit 2
}

for recipe_program in awk cut date grep readlink sed; do
  type -P "$recipe_program" >/dev/null || {
    echo "error: recipes need the program $recipe_program, which is nowhere on PATH ('$PATH'); install it, or mend PATH" >&2
    exit 2
  }
done

recipe_caller=$PWD
# Where the links lead that a recipe may be started by. While this file is read, no failure ends the shell by itself.
recipe_script=$(readlink -f "$0") || exit
recipe_folder=${recipe_script%/*}
recipe_project=$(CDPATH='' cd "${BASH_SOURCE[0]%/*}/.." && pwd) || exit
recipe_python='' recipe_child='' recipe_kept='' recipe_numbers='' recipe_running='' recipe_title='' recipe_ran=''
recipe_lock='' recipe_last_shared=3  # stage that writes what all models share
recipe_shared='' recipe_check=:
stage=0 stop_stage=99
cd "$recipe_folder" || exit

parse_options() {  # sets the variables that run.sh declares from --some-name VALUE or --some-name=VALUE
  local recipe_names recipe_word recipe_name recipe_value
  mapfile -t recipe_names < <(_declared | cut -d= -f1)
  recipe_names+=(stage stop_stage)
  while (($#)); do
    recipe_word=$1
    [[ $recipe_word == --help || $recipe_word == -h ]] && { _usage; exit 0; }
    recipe_name=${recipe_word%%=*} recipe_name=${recipe_name#--} recipe_name=${recipe_name//-/_}
    { [[ $recipe_word == --* ]] && _is_one_of "$recipe_name" "${recipe_names[@]}"; } ||
      _usage_error "unknown option $(_shown "$recipe_word"); options:$(_option_names "${recipe_names[@]}")"
    if [[ $recipe_word == *=* ]]; then
      recipe_value=${recipe_word#*=}
    else
      [[ $# -gt 1 && $2 != --* ]] || _usage_error "option $(_shown "$recipe_word") needs a value"
      recipe_value=$2
      shift
    fi
    shift
    _set_option "$recipe_name" "$recipe_value"
  done
  # After the options, so that --help and a mistyped option answer before anything is installed.
  _choose_python
  exec {recipe_lock}<>"$recipe_folder/partial.run.lock"
  if ((stage <= recipe_last_shared)); then _lock alone; else _lock shared; fi
}

stage() {  # if stage 3 "Train"; then ...; fi
  _close_stage
  [[ -z $recipe_numbers || $1 -gt ${recipe_numbers##* } ]] ||
    _usage_error "$recipe_script: stage $1 stands below stage ${recipe_numbers##* }; number the stages upwards"
  recipe_numbers="$recipe_numbers $1"
  (($1 >= stage && $1 <= stop_stage)) || return 1
  "$recipe_check" || exit
  (($1 <= recipe_last_shared)) || _lock shared
  recipe_running=$1 recipe_title=$2 recipe_ran=yes SECONDS=0
  # Nothing can be printed after kill -9, so the way back is printed before.
  echo "$(date '+%F %T') Stage $1: $2  (resume with: $(_resume_command))" >&2
}

find_corpus() {  # NAME DIR: prints DIR (may be empty), else $PYSPEECH_CORPORA/NAME if it is there, else download/NAME
  local recipe_found
  if [[ -n $2 ]]; then
    [[ -d $2 ]] || {
      echo "error: no corpus at $2; give --corpus-dir the unpacked corpus, or leave it out to download" >&2
      exit 1
    }
    echo "$2"
    return
  fi
  recipe_found=$(_absolute "${PYSPEECH_CORPORA:-/nonexistent}/$1")
  if [[ -d $recipe_found ]]; then echo "$recipe_found"; else echo "download/$1"; fi
}

python() { _run "$recipe_python" "$@"; }

pyspeech() { _run "$recipe_python" -m pyspeech --code "$recipe_folder" "$@"; } # what the recipe trained, its own code too

_run() {
  # In the background, because bash holds back a signal until a foreground child ends. Such a child would
  # ignore Ctrl-C and lose its input; trap and <&0 give both back. It ends with this shell, by kill -9 too, and does not
  # hold its lock.
  local recipe_parent=$BASHPID
  (trap - INT; exec "$recipe_python" -I -S "$recipe_project/pyspeech/process_lifetime.py" "$recipe_parent" "$@") \
    <&0 {recipe_lock}>&- &
  recipe_child=$!
  local recipe_code=0
  wait "$recipe_child" || recipe_code=$?
  recipe_child=''
  return "$recipe_code"
}

_lock() {  # alone, or shared: manifests, features, lexicon and graph are of all runs of a recipe, models are not
  "$recipe_python" -I -S "$recipe_project/pyspeech/recipe_lock.py" "$recipe_lock" "$1" \
    "process $$ since $(printf '%(%F %T)T'), $recipe_script$recipe_kept" || exit 1
}

_declared() {  # the NAME=VALUE lines of run.sh above parse_options, and of the file for several recipes
  {
    sed -n -e '/^parse_options/q' -e '/^[a-z][a-z0-9_]*=/p' "$recipe_script"
    [[ -z $recipe_shared ]] || sed -n -e '/^[a-z][a-z0-9_]*=/p' "$recipe_shared"
  } | grep -v -E '^(stage|stop_stage|recipe_[a-z0-9_]*)=' | awk -F= '!seen[$1]++' || true
}

_is_one_of() {  # WORD WORDS: as it is, since a name goes on to where bash would evaluate it
  local recipe_each
  for recipe_each in "${@:2}"; do [[ $recipe_each != "$1" ]] || return 0; done
  return 1
}

_shown() {  # a word in one line
  if [[ $1 == *[![:print:]]* ]]; then printf %q "$1"; else printf %s "$1"; fi
}

_option_names() {
  local recipe_name
  for recipe_name; do printf ' --%s' "${recipe_name//_/-}"; done
}

_set_option() {
  local recipe_option=--${1//_/-} recipe_new=$2
  case $1 in
    stage | stop_stage)
      [[ $2 =~ ^[0-9]{1,6}$ ]] || _usage_error "$recipe_option needs a number from 0 to 999999, found '$(_shown "$2")'"
      recipe_new=$((10#$2))
      ;;
    processes)
      [[ $2 =~ ^0*[1-9][0-9]{0,3}$ ]] || _usage_error "$recipe_option needs a number from 1 to 9999, found '$(_shown "$2")'"
      ;;
    exp_name)
      [[ -z $2 || $2 != [.-]* && $2 != *[/[:cntrl:]]* ]] ||
        _usage_error "$recipe_option needs the name of a folder, no path, found '$(_shown "$2")'"
      ;;
    *_dir | *_file | *_text)  # as the user typed it: from the folder the recipe was called in
      [[ -z $2 ]] || recipe_new=$(_absolute "$2")
      ;;
  esac
  if _is_array "$1"; then
    local -n recipe_array=$1
    [[ -z $2 ]] || recipe_array+=("$recipe_new")
  else
    [[ ${!1} != true && ${!1} != false || $2 == true || $2 == false ]] ||
      _usage_error "$recipe_option needs true or false, found '$(_shown "$2")'"
    printf -v "$1" %s "$recipe_new"
  fi
  [[ $1 == stage ]] || recipe_kept+=" $recipe_option $(printf %q "$2")"
}

_is_array() { [[ $(declare -p "$1") == "declare -a"* ]]; }

_choose_python() {
  local recipe_active=${VIRTUAL_ENV:-${CONDA_PREFIX:-}}
  if [[ -n ${PYSPEECH_PYTHON:-} ]]; then
    recipe_python=$(_absolute "$(cd "$recipe_caller" && type -P "$PYSPEECH_PYTHON")") ||
      _usage_error "PYSPEECH_PYTHON is $PYSPEECH_PYTHON, which is not a program; unset it or give a Python"
  elif [[ -n $recipe_active ]] && "$recipe_active/bin/python" -I -c "import pyspeech" 2>/dev/null; then
    recipe_python=$recipe_active/bin/python
  else
    recipe_python=$("$recipe_project/tools/install.sh")  # which says what lane it is, and why
  fi
  export PATH="${recipe_python%/*}:$PATH"
  export PYTHONPATH="$recipe_project${PYTHONPATH:+:$PYTHONPATH}"  # recipes run from the clone they stand in
}

_absolute() {
  case $1 in
    /*) echo "$1" ;;
    ?*) echo "$recipe_caller/$1" ;;
    *) return 1 ;;
  esac
}

_resume_command() {
  local recipe_called=$0
  [[ $recipe_called == */* ]] || recipe_called=./$recipe_called
  [[ -x $recipe_script ]] || printf 'bash '
  printf '%q%s --stage %s' "$recipe_called" "$recipe_kept" "$recipe_running"
}

_usage() {
  local recipe_line recipe_name recipe_comment
  awk 'NR > 1 && !/^#/ {exit} NR > 1 {sub(/^# ?/, ""); print}' "$recipe_script"
  printf '\nOptions:\n'
  while read -r recipe_line; do
    recipe_name=${recipe_line%%=*} recipe_comment=''
    [[ $recipe_line == *" # "* ]] && recipe_comment="${recipe_line#* \# }; "
    ! _is_array "$recipe_name" || recipe_comment+="may be given several times; "
    printf '  --%-18s %sdefault: %s\n' "${recipe_name//_/-}" "$recipe_comment" "${!recipe_name:-none}"
  done < <(_declared)
  printf '  --%-18s first stage to run; default: %s\n' stage "$stage"
  printf '  --%-18s last stage to run; default: %s\n' stop-stage "$stop_stage"
}

_usage_error() {
  echo "error: $1" >&2
  recipe_running='' recipe_ran=yes
  exit 2
}

_close_stage() {
  [[ -z $recipe_running ]] || echo "Stage $recipe_running took $SECONDS s" >&2
  recipe_running=''
}

_on_exit() {  # EXIT rather than ERR: it also sees an unset variable, an exit and a signal
  local recipe_code=$1
  if [[ $recipe_code != 0 && -n $recipe_running ]]; then
    echo "Stage $recipe_running ($recipe_title) failed with code $recipe_code; resume with: $(_resume_command)" >&2
  elif [[ $recipe_code == 0 && -z $recipe_ran && -n $recipe_numbers ]]; then
    _usage_error "no stage from $stage to $stop_stage; this recipe has$recipe_numbers"
  fi
  # A recipe's last line is its score, so the last stage says nothing of its time.
}

_on_signal() {
  trap '' TERM
  if [[ -n $recipe_child ]]; then
    [[ $1 == INT ]] || kill -s "$1" "$recipe_child" 2>/dev/null || true  # Ctrl-C has reached the child already
    wait "$recipe_child" || true
  fi
  exit "$2"
}

trap '_on_exit $?' EXIT
trap '_on_signal INT 130' INT
trap '_on_signal TERM 143' TERM
