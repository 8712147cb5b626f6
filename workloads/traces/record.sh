#!/usr/bin/env bash
# Records the traces that README.md beside this file describes, with `pageferry trace record`.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
all=(sqlite graph sort python redis)
# The caches and the TLB of most of them.
common=("32KiB:8,2MiB:16" "64:4,1536:12")

usage() {
  cat <<USAGE
usage: record.sh [small|full] [NAME...]

Records traces of programs on this machine: all of them, or those named.

  sqlite   a database: sqlite3 in memory; inserts, an index, queries, updates
  graph    a graph kernel: topic-sensitive PageRank and breadth-first search; needs clang
  sort     an external program over text: sort of GNU coreutils
  python   a language runtime: python3 with objects that come and go
  redis    a key-value server: redis-server, with a client beside it

All but graph run under valgrind, 30 to 110 times slower than by themselves; graph is built for
recording and runs natively. small (the default) takes up to half a minute for each, 20 minutes
without a C compiler (see the recorder's line about lackey), and gives 1 to 3 MB for each; full
takes minutes for graph, more for the others, and disk space in GB. A trace that is there is replaced when its recording is whole.

Environment:
  PAGEFERRY  the program (default: .build/release/pageferry of this checkout)
  OUT        where traces go (default: the folder of this script)
  CACHE      the caches modelled (default: 32KiB:8,2MiB:16; graph: 32KiB:8,8MiB:16;
             sqlite, small: 32KiB:8,256KiB:8)
  TLB        the TLB modelled (default: 64:4,1536:12; sqlite, small: none); none: no touches
  CLANG      a clang of version 16 or later, for graph (default: the first of clang, clang-22
             down to clang-16 that is one)
USAGE
}

fail() {
  echo "record.sh: $*" >&2
  exit 1
}

# need PROGRAM PACKAGE
need() {
  command -v "$1" >/dev/null || fail "no $1 here; install it: apt-get install $2"
}

say() { echo "record.sh: $*" >&2; }

# prepare NAME CACHE TLB [--instrument] -- PROGRAM...: the command of one recording, and says it; CACHE and TLB are its
# defaults. Addresses depend on the environment, which lies on the stack: it is kept small and the same. Programs run in the
# scratch folder with relative names, which is all that a trace's notes then say of this machine.
prepare() {
  local trace=$out/$1 tlb=${TLB:-$3} options=(--cache "${CACHE:-$2}")
  [[ $tlb == none ]] || options+=(--tlb "$tlb")
  # The level takes no time that counts here, and full ones are read sooner with less.
  if [[ $size == small ]]; then options+=(--level 19); else trace+=-full; fi
  shift 3
  say "pageferry trace record -o $trace.pft ${options[*]}$(printf ' %q' "$@")"
  command=(env -i PATH="$PATH" HOME=/nonexistent LC_ALL=C PYTHONHASHSEED=0
    "$pageferry" trace record -o "$trace.pft" "${options[@]}" "$@")
}

record() {
  prepare "$@"
  "${command[@]}"
}

need_valgrind() { need valgrind valgrind; }

# major_version CLANG: of a clang, 0 for anything else.
major_version() {
  local text
  text=$("$1" --version 2>/dev/null) || text=
  [[ $text =~ clang\ version\ ([0-9]+) ]] && echo "${BASH_REMATCH[1]}" || echo 0
}

# find_clang: sets CLANG to one that can build programs for recording.
find_clang() {
  local name
  if [[ -n ${CLANG-} ]]; then
    [[ $(major_version "$CLANG") -ge 16 ]] || fail "CLANG=$CLANG is no clang of version 16 or later"
    return
  fi
  for name in clang clang-{22..16}; do
    if [[ $(major_version "$name") -ge 16 ]]; then
      CLANG=$name
      return
    fi
  done
  fail "no clang of version 16 or later here; install one: apt-get install clang-19 (clang-16 to clang-22 will do), or set CLANG"
}

record_sqlite() {
  need_valgrind
  need sqlite3 sqlite3
  local sql=$here/sqlite-shop.sql
  # The filter of the trace that is there.
  local filter=("32KiB:8,256KiB:8" none)
  if [[ $size == full ]]; then
    # 20 times the rows and the queries: about 900 MiB.
    sed -e 's/36000/720000/g' -e 's/15000/300000/g' "$sql" >shop.sql
    sql=shop.sql
    filter=("${common[@]}")
  fi
  record sqlite-shop "${filter[@]}" -- sqlite3 :memory: <"$sql" >/dev/null
}

record_graph() {
  local arguments=(18 2 1) fixed=()
  [[ $size == small ]] || arguments=(22 8 3)
  find_clang
  "$pageferry" trace record --print-runtime runtime >/dev/null
  "$CLANG" -O2 -g -std=c11 -Wall @runtime/pageferry_instrument.flags "$here/programs/graph.c" \
    runtime/pageferry_instrument.c -o graph -lpthread
  # What runs natively lies at other addresses in each run, unless the kernel may be asked not to; a container may forbid it.
  if setarch -R true 2>/dev/null; then fixed=(setarch -R); else say "addresses are random here"; fi
  prepare graph 32KiB:8,8MiB:16 64:4,1536:12 --instrument -- ./graph "${arguments[@]}"
  "${fixed[@]}" "${command[@]}"
}

record_sort() {
  need_valgrind
  need sort coreutils
  need awk mawk
  local lines=60000
  [[ $size == small ]] || lines=1500000
  # A linear congruential generator modulo 2^32 (Marsaglia's 69069) makes the keys: exact in awk's numbers.
  awk -v lines="$lines" 'BEGIN {
    x = 1
    for (j = 0; j < 39; j++) rest = rest sprintf(" record%02d", j)
    for (i = 0; i < lines; i++) { x = (x * 69069 + 1) % 4294967296; printf "%010d%s\n", x, rest }
  }' >lines.txt
  record sort "${common[@]}" -- sort --parallel=1 --buffer-size=2G --output=sorted.txt lines.txt
}

record_python() {
  need_valgrind
  need python3 python3
  local arguments=(10000 2) python
  [[ $size == small ]] || arguments=(400000 4)
  # The interpreter itself: python3 may be a script that looks for it.
  python=$(python3 -c 'import sys; print(sys.executable)')
  cp "$here/programs/orders.py" .
  local PATH=${python%/*}:$PATH
  record python "${common[@]}" -- "${python##*/}" -S -s -B orders.py "${arguments[@]}"
}

# redis_commands KEYS MORE: every key once with a value of 1400 to 1599 bytes; then MORE commands, seven in eight of them on
# a sixteenth of the keys, and every tenth a write. In the protocol of Redis, as redis-cli --pipe takes it.
redis_commands() {
  awk -v keys="$1" -v more="$2" 'BEGIN {
    value = sprintf("%01600d", 0)
    for (i = 0; i < keys; i++) set("key:" i, 1400 + i % 200)
    x = 1
    for (i = 0; i < more; i++) {
      x = (x * 69069 + 1) % 4294967296
      key = "key:" int(int(x / 65536) * (i % 8 ? keys / 16 : keys) / 65536)
      if (i % 10 == 9) set(key, 1400); else printf "*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n", length(key), key
    }
  }
  function set(key, bytes) {
    printf "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", length(key), key, bytes, substr(value, 1, bytes)
  }'
}

record_redis() {
  need_valgrind
  need redis-server redis-server
  need redis-cli redis-tools
  local arguments=(14000 14000) socket=redis.sock ended=0
  [[ $size == small ]] || arguments=(600000 3000000)
  redis_commands "${arguments[@]}" >commands
  # Redis saves nothing and listens on no port: a socket in the scratch folder is the only way to it. Its timers run in real
  # time, and the recorded server is slow: once a second is enough.
  prepare redis "${common[@]}" -- redis-server --port 0 --unixsocket "$socket" --save '' --appendonly no \
    --dir . --hz 1 --dynamic-hz no --activerehashing no --jemalloc-bg-thread no --loglevel warning
  "${command[@]}" >redis.log &
  server=$!
  for ((i = 0; i < 600; i++)); do
    [[ -S $socket ]] && break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.5
  done
  if [[ -S $socket ]]; then
    redis-cli -s "$socket" --pipe --pipe-timeout 0 <commands >&2 || say "redis-cli failed"
    redis-cli -s "$socket" shutdown nosave >&2 || say "redis-cli could not end the server"
  else
    say "redis-server did not open its socket:"
    cat redis.log >&2
  fi
  wait "$server" || ended=$?
  server=
  [[ $ended -eq 0 ]] || fail "the recording of redis-server failed with status $ended"
}

# Nothing is left behind: no scratch files, and no server, however the script ends.
finish() {
  if [[ -n $server ]]; then
    kill -TERM "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf -- "$scratch"
}

size=small
case ${1-} in
  -h | --help)
    usage
    exit 0
    ;;
  small | full)
    size=$1
    shift
    ;;
esac
[[ $# -gt 0 ]] || set -- "${all[@]}"
for name in "$@"; do
  [[ " ${all[*]} " == *" $name "* ]] || fail "no trace '$name'; known are: ${all[*]}; see record.sh --help"
done

pageferry=${PAGEFERRY:-$here/../../.build/release/pageferry}
out=${OUT:-$here}
command -v "$pageferry" >/dev/null || fail "no $pageferry; build it with make build, or set PAGEFERRY"
[[ -d $out ]] || fail "no folder $out; make it, or set OUT"
pageferry=$(realpath -- "$(command -v "$pageferry")")
out=$(realpath -- "$out")

scratch=$(mktemp -d)
command=()
server=
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cd -- "$scratch"
for name in "$@"; do "record_$name"; done
