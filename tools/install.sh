#!/usr/bin/env bash
# Make the Python environment of this checkout and build KenLM's programs; print the path of that Python.
#
#   tools/install.sh [--lane pypi|modern] [--torch BUILD] [--python PROGRAM]
#   tools/install.sh --lane wheels --torch-release VERSION [--torch BUILD] [--python PROGRAM]
#
# Lanes:
#   pypi     .venv: Python 3.10, torch 1.13.1 and k2 from PyPI
#   modern   .venv-modern: Python 3.12 or 3.11, torch 2.11, no k2
#   wheels   .venv-wheels: torch of any release with the matching wheel of the k2 project's own pages;
#            this lane is not part of the tests
# Without --lane it is that of the environment which is here already. Where none or several are, it is modern if there
# is a GPU newer than torch 1.13 knows, or a Python 3.12 or 3.11 and none of 3.10, else pypi.
#
# Options:
#   --torch BUILD            cpu, cu126, cu128, ... from PyTorch's own index, pypi for the one on PyPI, or auto, the
#                            default of a new environment: cpu without a GPU, which spares 3 GB of CUDA, else what its
#                            driver runs. For the lanes modern, which it implies, and wheels.
#   --torch-release VERSION  the release of torch in the lane wheels, e.g. 2.7.1
#   --python PROGRAM         take this interpreter rather than search for one
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
torch_index=https://download.pytorch.org/whl
# The generations that torch 1.13.1 on PyPI has code for: Kepler to Ada. That of the lane modern is of CUDA 13.
first_generation_too_new=90 first_generation_of_cuda_13=75 first_driver_of_cuda_13=580
lane='' python='' torch='' torch_release=''
why='' chosen_here=''  # a build of torch by this machine, so another will do as well

main() {
  parse_options "$@"
  if [[ -z $lane ]]; then
    choose_lane
    say "lane $lane: $why"
  fi
  case $lane in
    pypi) versions=(3.10) ;;
    modern) versions=(3.12 3.11) ;;
    wheels) versions=(3.12 3.11 3.10) ;;
    *) fail "no lane '$lane'; allowed: pypi, modern, wheels" ;;
  esac
  venv=$(environment_of "$lane")
  settle_torch
  [[ -z $python ]] || check_python "$python"
  kenlm_version=$(sed -n 's/^kenlm==//p' "$requirements/pypi.txt")
  stamp=$(wanted_stamp)

  if ! venv_is_complete || ! kenlm_is_complete; then
    lock
    venv_is_complete || install_packages
    kenlm_is_complete || build_kenlm
    say "installed: $venv and $kenlm/bin"
  fi
  echo "$venv/bin/python"
}

parse_options() {
  local name
  while (($#)); do
    case $1 in
      -h | --help) awk 'NR > 1 && !/^#/ {exit} NR > 1 {sub(/^# ?/, ""); print}' "${BASH_SOURCE[0]}"; exit ;;
      --lane | --python | --torch | --torch-release)
        (($# > 1)) || fail "$1 needs a value"
        name=${1#--}
        printf -v "${name//-/_}" %s "$2"
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

# --- what suits this machine

choose_lane() {  # sets lane and why
  local each standing=() gpu capability driver name found
  if [[ -n $torch ]]; then
    lane=modern why="--torch $torch; the k2 of the lane pypi is linked to the torch on PyPI"
    return
  fi
  for each in pypi modern wheels; do
    ! stands "$(environment_of "$each")" || standing+=("$each")
  done
  if ((${#standing[@]} == 1)); then
    lane=${standing[0]}
    why="its environment is here already, $(environment_of "$lane")"
    return
  fi
  gpu=$(newest_gpu)
  IFS=', ' read -r capability driver name <<<"$gpu"
  if [[ -n $gpu ]] && ((${capability/./} >= first_generation_too_new)); then
    lane=modern why="the GPU, $name, has compute capability $capability, and torch 1.13, of the lane pypi, ends at 8.9"
  elif ! local_python 3.10 >/dev/null && found=$(local_python 3.12 3.11); then
    lane=modern why="$found is here, and no Python 3.10, which PyPI's k2 is for"
  elif [[ -n $gpu ]]; then
    lane=pypi why="with k2; torch 1.13 knows the GPU, $name, compute capability $capability"
  else
    lane=pypi why="with k2, no GPU is found; --torch cpu takes the lane modern instead, 3 GB less and no k2"
  fi
}

newest_gpu() {  # prints its compute capability, driver and name, or nothing
  { nvidia-smi --query-gpu=compute_cap,driver_version,name --format=csv,noheader 2>/dev/null </dev/null || true; } |
    awk '/^[0-9]+\.[0-9], [0-9]+/ && $1 + 0 > newest {newest = $1 + 0; line = $0} END {if (line != "") print line}'
}

settle_torch() {  # sets torch and torch_release: as asked for, else as they are here, else by this machine
  had_torch='' had_release=''
  if stands "$venv"; then
    had_torch=pypi
    [[ ! -r $venv/pyspeech.torch ]] || read -r had_torch had_release <"$venv/pyspeech.torch"
  fi
  if [[ $lane == wheels ]]; then
    torch_release=${torch_release:-$had_release}
    [[ -n $torch_release ]] || fail "the lane wheels needs --torch-release, e.g. 2.7.1"
    [[ $torch != pypi ]] || fail "the lane wheels needs a build of torch that k2 has a wheel for, e.g. --torch cu126"
  else
    [[ -z $torch_release ]] || fail "--torch-release belongs to --lane wheels; the lane $lane has its torch pinned"
  fi
  [[ $lane != pypi || -z $torch ]] ||
    fail "--torch belongs to the lanes modern and wheels; the k2 of the lane pypi is linked to the torch on PyPI"
  [[ $torch =~ ^(auto|pypi|cpu|cu[0-9]{3})?$ ]] ||
    fail "no build of torch '$torch'; allowed: auto, pypi, cpu, or cu and a release of CUDA, such as cu126"
  if [[ $lane == pypi ]]; then
    torch=pypi
  elif [[ -z $torch && -n $had_torch ]]; then
    torch=$had_torch
  elif [[ -z $torch || $torch == auto ]]; then
    choose_torch
  fi
}

choose_torch() {  # sets torch and why
  local gpu capability driver name
  gpu=$(newest_gpu) chosen_here=yes
  IFS=', ' read -r capability driver name <<<"$gpu"
  if [[ -z $gpu ]]; then
    torch=cpu why="no GPU is found; this spares 3 GB of CUDA, which --torch cu126 has"
    return
  fi
  why="for the GPU, $name, compute capability $capability, and its driver, $driver"
  if ((${capability/./} >= 100)); then torch=cu128; else torch=cu126; fi
  [[ $lane == wheels ]] ||
    ((${driver%%.*} < first_driver_of_cuda_13 || ${capability/./} < first_generation_of_cuda_13)) || torch=pypi
}

release_of() {  # PACKAGE: prints its release, torch or torchaudio, which ends at 2.11 and suits later ones of torch
  if [[ -z $torch_release ]]; then
    sed -n "s/^$1==//p" "$requirements/$lane.txt"
  elif [[ $1 == torchaudio ]]; then
    printf '%s\n' "$torch_release" 2.11.0 | sort -V | head -n 1
  else
    echo "$torch_release"
  fi
}

# --- the Python environment

environment_of() { if [[ $1 == pypi ]]; then echo "$root/.venv"; else echo "$root/.venv-$1"; fi; }

stands() {  # ENVIRONMENT: whether one was made here, be it of other requirements
  [[ -r $1/pyspeech.stamp && $(<"$1/pyspeech.stamp") == "$root "* ]] && "$1/bin/python" -c '' 2>/dev/null
}

wanted_stamp() {  # where the environment stands, because its scripts name that place, and what it is made of
  local contents
  contents=$({ echo "$lane"; cat "$requirements"/*.txt "$root/setup.cfg"; } | cksum)
  echo "$root $contents"
}

venv_is_complete() {
  stands "$venv" && [[ $(<"$venv/pyspeech.stamp") == "$stamp" ]] && has_torch
}

has_torch() { [[ "$had_torch $had_release" == "$torch $torch_release" ]]; }

install_packages() {
  # PyPI has the module kenlm as sources only; told late, a missing compiler is a page of pip's errors.
  command -v c++ >/dev/null || install_kenlm_packages
  if [[ -z $python ]] && has_torch && stands "$venv" && runs "$venv/bin/python" "${versions[@]}"; then
    say "the requirements changed; bringing $venv up to date"
    pip uninstall -qq --yes pyspeech  # what the project was called before; its old bounds would fail pip's check
  else
    # Without a stamp an installation was broken off, and pip cannot tell which of its packages are whole.
    [[ -n $python ]] || python=$(find_python)
    [[ $torch == pypi ]] || check_index
    say "making $venv with $python"
    rm -rf "$venv"
    "$python" -m venv "$venv"
  fi
  rm -f "$venv/pyspeech.stamp"
  check_python "$venv/bin/python"
  say "installing the packages of the lane $lane with torch $(release_of torch), build $torch${chosen_here:+ ($why)};" \
    "the first time it is some minutes and gigabytes"
  install_pinned
  pip install --quiet --no-deps --no-build-isolation -e "$root"
  pip check
  echo "$torch $torch_release" >"$venv/pyspeech.torch"
  echo "$stamp" >"$venv/pyspeech.stamp"
}

install_pinned() {
  local file=$lane others='^(-r|#|$)' options=(--no-deps)
  local of_torch='^(torch|torchaudio|nvidia-[a-z0-9-]*|cuda-[a-z]*|triton)=='
  if [[ $lane == wheels ]]; then
    # Of the lane modern all that does not come with torch itself.
    file=modern others+='|^(numpy|networkx|setuptools)==' options=()
  fi
  [[ $torch == pypi ]] || others+="|$of_torch"
  grep -h -v -E "$others" "$requirements"/{"$file",tests}.txt >"$venv/packages.txt"
  [[ $lane != wheels ]] || echo numpy >>"$venv/packages.txt"
  install_told "$venv/packages.txt" "${options[@]}" -r "$venv/packages.txt"
  # Another Python's wheel has the same version, which alone would do for pip.
  [[ $lane != pypi ]] || pip install --quiet --no-deps --force-reinstall --require-hashes -r "$requirements/k2.txt"
  [[ $torch != pypi ]] || return 0

  if [[ $torch == cpu ]]; then of_torch='^(torch|torchaudio)=='; fi
  grep -h -E "$of_torch" "$requirements/modern.txt" >"$venv/torch.txt"
  install_told "$venv/torch.txt" --index-url "$torch_index/$torch" \
    "torch==$(release_of torch)+$torch" "torchaudio==$(release_of torchaudio)+$torch"
  [[ $lane != wheels ]] || install_k2_wheel
}

install_told() {  # FILE ARGUMENTS...: install, and tell how far that is with the packages which stand in the file
  local file=$1
  shift
  "$venv/bin/python" -m pip --disable-pip-version-check install --progress-bar off "$@" |
    "$venv/bin/python" "$root/tools/install_progress.py" "$file" >&2
}

check_index() {  # that PyTorch has this build; of one that was not asked for, PyPI's will do
  local trouble
  trouble=$("$python" - "$torch_index/$torch" \
    "torch-$(release_of torch)+$torch" "torchaudio-$(release_of torchaudio)+$torch" <<'END'
import sys, urllib.parse, urllib.request
for wheel in sys.argv[2:]:
    page = f"{sys.argv[1]}/{wheel.partition('-')[0]}/"
    wheel += f"-cp{sys.version_info[0]}{sys.version_info[1]}-"
    try:
        with urllib.request.urlopen(page, timeout=15) as answer:
            listed = urllib.parse.unquote(answer.read().decode())
    except OSError as error:
        print(f"{page} cannot be read ({error})")
        break
    if wheel not in listed:
        print(f"{page} has no wheel {wheel}*")
        break
END
  )
  [[ -n $trouble ]] || return 0
  [[ -n $chosen_here && $lane != wheels ]] ||
    fail "$trouble, so there is no build $torch of torch; choose another --torch"
  say "$trouble, so not torch's build $torch ($why) but PyPI's, with CUDA 13"
  torch=pypi chosen_here=''
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

local_python() {  # VERSION...: prints the path of an interpreter of one of these that is here, the first the best
  local version program
  if [[ -n $python ]]; then
    runs "$python" "$@" && echo "$python"
    return
  fi
  for version; do
    # A pyenv shim stands on the PATH even where it cannot run, so every candidate is tried.
    for program in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version"*/bin/python; do
      if runs "$program" "$version"; then
        "$program" -c 'import sys; print(sys.executable)'
        return
      fi
    done
  done
  return 1
}

find_python() {  # prints the path of an interpreter
  local version program
  ! local_python "${versions[@]}" || return 0
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

install_k2_wheel() {
  local tag=cpu page=cpu.html k2_version
  [[ $torch == cpu ]] || tag=cuda${torch:2:2}.${torch:4} page=cuda.html
  # The page links every wheel ever built; the versions are dated, so the last in order is the newest.
  k2_version=$("$venv/bin/python" - "https://k2-fsa.github.io/k2/$page" "+$tag.torch$torch_release" <<'END'
import re, sys, urllib.parse, urllib.request
page, build = sys.argv[1:]
text = urllib.parse.unquote(urllib.request.urlopen(page).read().decode())
wheel = rf"k2-([0-9.a-z]+{re.escape(build)})-cp{sys.version_info[0]}{sys.version_info[1]}-"
print(max(re.findall(wheel, text), default=""))
END
  )
  [[ -n $k2_version ]] ||
    fail "https://k2-fsa.github.io/k2/$page lists no k2 for torch $torch_release, $tag and this Python;" \
      "choose a pair from that page"
  pip install -f "https://k2-fsa.github.io/k2/$page" "k2==$k2_version"
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
