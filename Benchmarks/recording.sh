#!/usr/bin/env bash
# What `pageferry trace record` adds to valgrind's own CPU time, against lackey writing to the null device.
#
#   Benchmarks/recording.sh [ROUNDS] [PROGRAM ARGUMENT...]      5 rounds of /bin/ls -lR /usr/include by default
#
# Prints user and system seconds of valgrind, round by round, and of each way the ratio of its minimum to the null device's. The ways take
# turns. `cat` is a pipe to cat, which sleeps in read(2) and is woken by nearly every line; `record` is the command, which looks into its
# pipe once a millisecond. PAGEFERRY names the command.
set -euo pipefail

rounds=${1:-5}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- /bin/ls -lR /usr/include
pageferry=$(realpath "${PAGEFERRY:-.build/release/pageferry}")
valgrind=$(command -v valgrind) || { echo 'recording.sh: valgrind is not installed' >&2; exit 1; }
[ -x "$pageferry" ] || { echo "recording.sh: $pageferry is not there: make build" >&2; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Stands for valgrind, and notes the CPU time of the real one, on a CPU of its own.
cat > "$folder/valgrind" <<EOF
#!/usr/bin/env bash
TIMEFORMAT='%U %S'
[ "\$1" != --version ] || exec "$valgrind" "\$@"
exec 98>>"$folder/times" 97>&2
{ time taskset -c 0 "$valgrind" "\$@" 2>&97 97>&- 98>&-; } 2>&98
EOF
chmod +x "$folder/valgrind"

lackey() { "$folder/valgrind" --tool=lackey --trace-mem=yes --log-fd=9 "$@" >/dev/null; }

one() {
  local way=$1
  shift
  : > "$folder/times"
  case $way in
    null) lackey "$@" 9>/dev/null ;;
    cat) lackey "$@" 9>&1 >/dev/null | taskset -c 1 cat >/dev/null ;;
    record) PATH=$folder:$PATH taskset -c 1 "$pageferry" trace record -q -o "$folder/t.pft" -- "$@" >/dev/null ;;
  esac
  awk -v way="$way" '{print way, $1 + $2}' "$folder/times"
}

for ((i = 0; i < rounds; i++)); do
  for way in null cat record; do one $way "$@"; done
done | tee "$folder/all"
awk '{ if (!($1 in least) || $2 < least[$1]) least[$1] = $2 }
  END { for (way in least) printf "%-7s %.2f s at least, %.2f x null\n", way, least[way], least[way] / least["null"] }' "$folder/all"
