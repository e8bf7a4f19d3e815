#!/usr/bin/env bash
# Make the Python environment of this checkout and build KenLM's programs.
#
#   tools/install.sh [--lane pypi|modern] [--python PROGRAM]
#   tools/install.sh --lane wheels --torch VERSION --cuda cpu|VERSION [--python PROGRAM]
#
# Lanes:
#   pypi     .venv: Python 3.10, torch 1.13.1 and k2 from PyPI (the default)
#   modern   .venv-modern: Python 3.12 or 3.11, torch 2.11, no k2
#   wheels   .venv-wheels: torch VERSION with the matching wheel of the k2 project's own pages, for newer GPUs;
#            this lane is not part of the tests
#
# Options:
#   --python PROGRAM   take this interpreter rather than search for one
#   --torch VERSION    the release of torch in the lane wheels, e.g. 2.7.1
#   --cuda VERSION     the CUDA release there, e.g. 12.6, or cpu
#
# Exact versions stand in tools/requirements/. KenLM's lmplz, build_binary and query are built into tools/kenlm/bin
# from the sources on PyPI. What is there already is kept: a second run does nothing and takes no time.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
requirements=$root/tools/requirements
kenlm=$root/tools/kenlm
kenlm_programs=(lmplz build_binary query)
kenlm_packages=(cmake g++ libboost-program-options-dev libboost-system-dev libboost-thread-dev libboost-test-dev
  zlib1g-dev libbz2-dev liblzma-dev)
lane=pypi python='' torch='' cuda=''

main() {
  parse_options "$@"
  case $lane in
    pypi) venv=$root/.venv versions=(3.10) ;;
    modern) venv=$root/.venv-modern versions=(3.12 3.11) ;;
    wheels) venv=$root/.venv-wheels versions=(3.12 3.11 3.10) ;;
    *) fail "no lane '$lane'; allowed: pypi, modern, wheels" ;;
  esac
  if [[ $lane == wheels ]]; then
    [[ -n $torch && -n $cuda ]] || fail "the lane wheels needs --torch and --cuda, e.g. --torch 2.7.1 --cuda cpu"
  else
    [[ -z $torch$cuda ]] || fail "--torch and --cuda belong to --lane wheels; the lane $lane has its torch pinned"
  fi
  [[ -z $python ]] || check_python "$python"
  kenlm_version=$(sed -n 's/^kenlm==//p' "$requirements/pypi.txt")
  stamp=$(wanted_stamp)

  if venv_is_complete && kenlm_is_complete; then return; fi
  lock
  venv_is_complete || install_packages
  kenlm_is_complete || build_kenlm
  say "installed: $venv and $kenlm/bin"
}

parse_options() {
  while (($#)); do
    case $1 in
      -h | --help) awk 'NR > 1 && !/^#/ {exit} NR > 1 {sub(/^# ?/, ""); print}' "${BASH_SOURCE[0]}"; exit ;;
      --lane | --python | --torch | --cuda)
        (($# > 1)) || fail "$1 needs a value"
        printf -v "${1#--}" %s "$2"
        shift 2
        ;;
      *) fail "unknown option $1; see $0 --help" ;;
    esac
  done
}

say() { echo "install: $*" >&2; }

fail() {
  echo "error: $*" >&2
  exit 1
}

lock() {  # two recipes started at once must not build the same environment at the same time
  mkdir -p "$kenlm"
  command -v flock >/dev/null || return 0
  exec 9>"$kenlm/lock"
  flock --nonblock 9 || {
    say "another installation is running; waiting for it"
    flock 9
  }
}

# --- the Python environment

wanted_stamp() {  # where the environment stands, because its scripts name that place, and what it is made of
  local contents
  contents=$({ echo "$lane $torch $cuda"; cat "$requirements"/*.txt "$root/setup.cfg"; } | cksum)
  echo "$root $contents"
}

venv_is_complete() {
  [[ -r $venv/pyspeech.stamp && $(<"$venv/pyspeech.stamp") == "$stamp" ]] && "$venv/bin/python" -c '' 2>/dev/null
}

install_packages() {
  # PyPI has the module kenlm as sources only; told late, a missing compiler is a page of pip's errors.
  command -v c++ >/dev/null || install_kenlm_packages
  if [[ -z $python && -r $venv/pyspeech.stamp && $(<"$venv/pyspeech.stamp") == "$root "* ]] &&
    runs "$venv/bin/python" "${versions[@]}"; then
    say "the requirements changed; bringing $venv up to date"
    pip uninstall -qq --yes pyspeech  # what the project was called before; its old bounds would fail pip's check
  else
    # Without a stamp an installation was broken off, and pip cannot tell which of its packages are whole.
    [[ -n $python ]] || python=$(find_python)
    say "making $venv with $python"
    rm -rf "$venv"
    "$python" -m venv "$venv"
  fi
  rm -f "$venv/pyspeech.stamp"
  check_python "$venv/bin/python"
  if [[ $lane == wheels ]]; then
    install_wheels
  else
    say "installing the packages of $requirements/$lane.txt; the first time it is some minutes and gigabytes"
    pip install --quiet --no-deps -r "$requirements/$lane.txt"
    # Another Python's wheel has the same version, which alone would do for pip.
    [[ $lane != pypi ]] || pip install --quiet --no-deps --force-reinstall --require-hashes -r "$requirements/k2.txt"
  fi
  pip install --quiet --no-deps --no-build-isolation -e "$root"
  pip check
  echo "$stamp" >"$venv/pyspeech.stamp"
}

pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@" >&2; }

runs() {  # PROGRAM VERSION...: a Python of one of these versions that can make environments
  local program=$1
  shift
  "$program" -c 'import ensurepip, sys, venv; sys.exit("%d.%d" % sys.version_info[:2] not in sys.argv[1:])' "$@" \
    </dev/null >/dev/null 2>&1
}

check_python() {
  runs "$1" "${versions[@]}" && return
  local found
  found=$("$1" -c 'import platform; print(platform.python_version())' 2>/dev/null) || fail "$1 is not a Python that runs"
  [[ $lane != pypi ]] || [[ $found == 3.10.* ]] ||
    fail "$1 is Python $found, and the k2 wheel of this lane holds binaries for Python 3.10 (cp310) only:" \
      "pip would install it there, but k2 could not be imported; give a Python 3.10 to --python"
  fail "$1 is Python $found; the lane $lane needs one of: ${versions[*]}, with its modules venv and ensurepip"
}

find_python() {  # prints the path of an interpreter
  local version program
  for version in "${versions[@]}"; do
    # A pyenv shim stands on the PATH even where it cannot run, so every candidate is tried.
    for program in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version"*/bin/python; do
      if runs "$program" "$version"; then
        "$program" -c 'import sys; print(sys.executable)'
        return
      fi
    done
  done
  version=${versions[0]}
  if command -v uv >/dev/null; then
    uv python install "$version" >&2 && program=$(uv python find "$version") && runs "$program" "$version" &&
      echo "$program" && return
  fi
  if command -v conda >/dev/null; then
    program=$root/.venv-conda-$version/bin/python
    conda create --yes --quiet --prefix "${program%/bin/python}" "python=$version" >&2 && runs "$program" "$version" &&
      echo "$program" && return
  fi
  fail "no Python $version found (PATH, pyenv, uv, conda); get one, e.g.:" \
    "curl -LsSf https://astral.sh/uv/install.sh | sh && uv python install $version"
}

install_wheels() {
  local tag=cpu page=cpu.html k2_version
  [[ $cuda == cpu ]] || tag=cuda$cuda page=cuda.html
  # The page links every wheel ever built; the versions are dated, so the last in order is the newest.
  k2_version=$("$venv/bin/python" - "https://k2-fsa.github.io/k2/$page" "+$tag.torch$torch" <<'END'
import re, sys, urllib.parse, urllib.request
page, build = sys.argv[1:]
text = urllib.parse.unquote(urllib.request.urlopen(page).read().decode())
wheel = rf"k2-([0-9.a-z]+{re.escape(build)})-cp{sys.version_info[0]}{sys.version_info[1]}-"
print(max(re.findall(wheel, text), default=""))
END
  )
  [[ -n $k2_version ]] ||
    fail "https://k2-fsa.github.io/k2/$page lists no k2 for torch $torch, $tag and this Python; choose a pair from that page"
  # For another CUDA than that of PyPI's torch, PIP_EXTRA_INDEX_URL names PyTorch's page of builds.
  pip install "torch==$torch" "torchaudio==$torch" -f "https://k2-fsa.github.io/k2/$page" "k2==$k2_version"
  # Of the lane modern all that does not come with torch itself.
  grep -h -v -E '^(-r|torch|nvidia-|cuda-|triton|numpy|networkx|setuptools)' "$requirements"/{modern,tests}.txt >"$venv/wheels.txt"
  pip install numpy -r "$venv/wheels.txt"
}

# --- KenLM

kenlm_is_complete() {
  [[ -r $kenlm/version && $(<"$kenlm/version") == "$kenlm_version" ]] || return 1
  local program status
  for program in "${kenlm_programs[@]}"; do
    # Their --help ends with status 1; 126 and above is the system's: no such program, a library gone, a signal.
    status=0
    "$kenlm/bin/$program" --help </dev/null >/dev/null 2>&1 || status=$?
    ((status < 126)) || return 1
  done
}

build_kenlm() {
  say "building KenLM $kenlm_version"
  local build=$kenlm/partial
  rm -rf "$build" "$kenlm/version"
  mkdir -p "$build/source" "$kenlm/bin"
  pip download --quiet --no-binary kenlm --no-deps --no-build-isolation -d "$build" "kenlm==$kenlm_version"
  tar -xzf "$build/kenlm-$kenlm_version.tar.gz" -C "$build/source" --strip-components 1
  if ! configure_kenlm "$build"; then
    install_kenlm_packages
    configure_kenlm "$build" || fail "KenLM cannot be configured; see $build/configure.log"
  fi
  cmake --build "$build/cmake" -j 2 --target "${kenlm_programs[@]}" >"$build/build.log" 2>&1 ||
    fail "KenLM cannot be built; see $build/build.log"
  local program
  for program in "${kenlm_programs[@]}"; do mv "$build/cmake/bin/$program" "$kenlm/bin/$program"; done
  rm -rf "$build"
  echo "$kenlm_version" >"$kenlm/version"
}

configure_kenlm() {
  rm -rf "$1/cmake"
  cmake -S "$1/source" -B "$1/cmake" -DCMAKE_BUILD_TYPE=Release >"$1/configure.log" 2>&1
}

install_kenlm_packages() {
  local as_root=()
  if ((EUID != 0)); then as_root=(sudo -n); fi
  if command -v apt-get >/dev/null && "${as_root[@]}" true 2>/dev/null; then
    say "installing ${kenlm_packages[*]}"
    "${as_root[@]}" apt-get update -qq >&2 &&
      "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        "${kenlm_packages[@]}" >&2 && return
  fi
  fail "KenLM needs cmake, a C++ compiler and Boost; install them, on Debian:" \
    "apt-get install ${kenlm_packages[*]}; then run $0 again"
}

main "$@"
