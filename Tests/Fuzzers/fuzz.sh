#!/usr/bin/env bash
# Fuzzes what reads bytes of others: Tests/Fuzzers/fuzz.sh [TARGET...], for FUZZ_SECONDS each, FUZZ_JOBS at a time.
# Runs one input again: Tests/Fuzzers/fuzz.sh --replay TARGET FILE
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

FUZZ_SECONDS=${FUZZ_SECONDS:-60}
FUZZ_JOBS=${FUZZ_JOBS:-2}
SWIFT=${SWIFT:-swift}
PAGEFERRY=${PAGEFERRY:-.build/release/pageferry}
build=.build-fuzz
fuzzer=$build/release/pageferry-fuzz
seeds=Tests/Fuzzers/corpus
# Less would say that the fuzzers do not work: all targets make 200 executions a second and more, on one busy CPU.
min_executions=$((FUZZ_SECONDS * 20))
min_coverage=150
formats="lackey din ramulator dramsim csv oraclegeneral damon perfscript drmemtrace"

# swift-backtrace and the sanitizers get into each other's way, and libFuzzer says what there is to say.
export SWIFT_BACKTRACE=enable=no

build() {
  # SwiftPM leaves the entry point to libFuzzer only for --sanitize fuzzer; of several -sanitize swiftc takes the last.
  if ! PAGEFERRY_FUZZERS=1 $SWIFT build -c release --scratch-path $build --product pageferry-fuzz --sanitize fuzzer \
    -Xswiftc -sanitize=fuzzer,address -Xswiftc -enable-testing -Xcc -fsanitize=address >$build.log 2>&1; then
    cat $build.log >&2
    exit 1
  fi
  mkdir -p $build
  mv $build.log $build/build.log
}

# The seeds of a target, beside what earlier runs have found.
plant() {
  local folder=$build/corpus/$1 file
  mkdir -p "$folder" $build/crashes
  case $1 in
  auto)
    for file in $seeds/*/*; do cp "$file" "$folder/$(basename "$(dirname "$file")")-$(basename "$file")"; done
    ;;
  pft)
    # Traces are made of other tools': committed ones would be of an old version some day.
    for file in csv/times csv/gaps lackey/all-kinds damon/json drmemtrace/all-kinds; do
      "$PAGEFERRY" trace import -q --level 0 $seeds/$file -o "$folder/${file/\//-}.pft"
    done
    "$PAGEFERRY" trace import -q --level 3 $seeds/csv/times -o "$folder/zstd.pft"
    "$PAGEFERRY" trace import -q --level 0 --cache 64B:1 --tlb 1:1 $seeds/lackey/all-kinds -o "$folder/touches.pft"
    "$PAGEFERRY" trace import -q --level 0 --pages --no-coalesce $seeds/csv/times -o "$folder/pages.pft"
    ;;
  *) cp $seeds/"$1"/* "$folder/" ;;
  esac
}

# Runs one target, and says how it went.
fuzz() {
  local target=$1 log=$build/$1.log status=0 executions coverage length=4096
  # A trace begins with a header of 4096 bytes.
  [ "$target" != pft ] || length=8192
  FUZZ_TARGET=$target $fuzzer -max_total_time="$FUZZ_SECONDS" -timeout=20 -rss_limit_mb=2048 -max_len=$length \
    -print_final_stats=1 -artifact_prefix="$build/crashes/$target-" "$build/corpus/$target" >"$log" 2>&1 </dev/null ||
    status=$?
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  coverage=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
  printf '%-14s %9s executions, %5s edges\n' "$target" "${executions:-0}" "${coverage:-0}"
  if [ $status -ne 0 ]; then
    local found
    found=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    {
      echo "fuzz: $target failed with status $status; the end of $log:"
      tail -n 40 "$log"
      [ -z "$found" ] || echo "fuzz: replay it with: Tests/Fuzzers/fuzz.sh --replay $target $found"
      [ -z "$found" ] || echo "fuzz: its bytes: base64 -d <<<'$(base64 -w 0 "$found")'"
    } >&2
    return 1
  fi
  if [ "${executions:-0}" -lt $min_executions ] || [ "${coverage:-0}" -lt $min_coverage ]; then
    echo "fuzz: $target made fewer than $min_executions executions or saw fewer than $min_coverage edges: $log" >&2
    return 1
  fi
}

if [ "${1:-}" = --fuzz ]; then
  fuzz "$2"
  exit
fi

if [ "${1:-}" = --replay ]; then
  [ $# -eq 3 ] || { echo "usage: Tests/Fuzzers/fuzz.sh --replay TARGET FILE" >&2; exit 2; }
  build
  FUZZ_TARGET=$2 $fuzzer "$3"
  exit
fi

build
targets=${*:-$formats auto packed pft}
for target in $targets; do plant "$target"; done
export FUZZ_SECONDS
printf '%s\n' $targets | xargs -P "$FUZZ_JOBS" -I{} Tests/Fuzzers/fuzz.sh --fuzz {}
