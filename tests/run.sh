#!/usr/bin/env bash
# Install what is missing, check the sources, run the tests.
#
#   tests/run.sh [--lane pypi|modern] [ARGUMENTS OF PYTEST]
#
# Lane pypi (the default) runs ruff, mypy and shellcheck first; lane modern runs the tests alone, and those that need
# k2 skip there. Without arguments the tests that are marked slow are left out: -m slow runs them. The last line is
# pytest's own. The exit code is 0 only if the checks and the tests passed.
# Tests on real speech run where PYSPEECH_CORPORA names a folder of corpora. No test uses a network.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
lane=pypi
pytest_arguments=()

main() {
  parse_options "$@"
  cd "$root"
  tools/install.sh --lane "$lane" >&2
  local bin=$root/.venv
  [[ $lane == pypi ]] || bin+=-$lane
  bin+=/bin
  # Two processes of one thread each: threads of torch 1.13 spin while they wait, and starve the other process.
  export OMP_NUM_THREADS=1 PATH="$bin:$PATH"

  local failed=()
  if [[ $lane == pypi ]]; then
    ruff format --check --quiet . || failed+=("ruff format --check .")
    ruff check --quiet . || failed+=("ruff check .")
    mypy --no-error-summary || failed+=(mypy)
    shellcheck --external-sources --source-path=SCRIPTDIR:local "${shell_files[@]}" || failed+=(shellcheck)
    ((${#failed[@]} == 0)) || printf 'error: failed: %s\n' "${failed[@]}" >&2
  fi
  local status=0
  # A file goes to one process, which makes its fixtures once; tests/conftest.py puts those that take long first.
  ((${#pytest_arguments[@]})) || pytest_arguments=(-m "not slow")
  python -m pytest -n 2 --dist loadfile --no-loadscope-reorder "${pytest_arguments[@]}" || status=$?
  ((${#failed[@]} == 0)) || exit 1
  exit "$status"
}

parse_options() {
  while (($#)); do
    case $1 in
      -h | --help) awk 'NR > 1 && !/^#/ {exit} NR > 1 {sub(/^# ?/, ""); print}' "${BASH_SOURCE[0]}"; exit ;;
      --lane)
        [[ ${2:-} == pypi || ${2:-} == modern ]] || fail "no lane '${2:-}' to test; allowed: pypi, modern"
        lane=$2
        shift 2
        ;;
      *) pytest_arguments+=("$1"); shift ;;
    esac
  done
}

fail() {
  echo "error: $*" >&2
  exit 1
}

shopt -s nullglob
shell_files=("$root"/.ci/run "$root"/{local,tests,tools}/*.sh "$root"/recipes/*/*.sh "$root"/tools/*/*.sh)
main "$@"
