#!/usr/bin/env bash
# What `pageferry trace record` costs, against valgrind's lackey writing to the null device.
#
#   Benchmarks/recording.sh [ROUNDS] [PROGRAM ARGUMENT...]      5 rounds of /bin/ls -lR /usr/include by default
#
# Prints, round by round, user and system seconds of valgrind, and those of pageferry with the time that went by where it records;
# then of each way the minima, and the ratio of valgrind's to the null device's. The ways take turns:
#
#   null       lackey to the null device
#   lackey     the command with --tool lackey
#   own-null   our tool to the null device
#   own        the command with --tool own
#   filtered   the same with --cache 32KiB:8,1MiB:16
#   none       valgrind's tool that does nothing: what is left is valgrind
#
# WAYS chooses among them; `cat`, lackey into a pipe to cat, which sleeps in read(2) and is woken by nearly every line, is one
# more. PAGEFERRY names the command.
set -euo pipefail

rounds=${1:-5}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- /bin/ls -lR /usr/include
ways=${WAYS:-null lackey own-null own filtered none}
pageferry=$(realpath "${PAGEFERRY:-.build/release/pageferry}")
valgrind=$(command -v valgrind) || { echo 'recording.sh: valgrind is not installed' >&2; exit 1; }
[ -x "$pageferry" ] || { echo "recording.sh: $pageferry is not there: make build" >&2; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export XDG_CACHE_HOME=$folder/cache

# Builds our tool, outside of what is measured.
"$pageferry" trace record -q --tool own -o "$folder/t.pft" -- /bin/true
tool=$(echo "$XDG_CACHE_HOME"/pageferry/valgrind-tool-*)
tool=--tool=../../../../../../../..${tool%-amd64-linux}

# Stands for valgrind, and notes the CPU time of the real one, on a CPU of its own.
cat > "$folder/valgrind" <<END
#!/usr/bin/env bash
TIMEFORMAT='%U %S'
[ "\$1" != --version ] || exec "$valgrind" "\$@"
exec 98>>"$folder/times" 97>&2
{ time taskset -c 0 "$valgrind" "\$@" 2>&97 97>&- 98>&-; } 2>&98
END
chmod +x "$folder/valgrind"

lackey() { "$folder/valgrind" --tool=lackey --trace-mem=yes --log-fd=9 "$@" >/dev/null; }

# record OPTIONS -- PROGRAM...: CPU seconds of the command and of valgrind together, and seconds that went by.
record() {
  local TIMEFORMAT='%U %S %R'
  { time PATH=$folder:$PATH taskset -c 1 "$pageferry" trace record -q -o "$folder/t.pft" "$@" >/dev/null; } 2>"$folder/total"
}

one() {
  local way=$1
  shift
  : > "$folder/times"
  echo '0 0 0' > "$folder/total"
  case $way in
    null) lackey "$@" 9>/dev/null ;;
    cat) lackey "$@" 9>&1 >/dev/null | taskset -c 1 cat >/dev/null ;;
    none) "$folder/valgrind" --tool=none -q "$@" >/dev/null ;;
    own-null) "$folder/valgrind" "$tool" -q --out-fd=9 "$@" 9>/dev/null >/dev/null ;;
    lackey | own) record --tool "$way" -- "$@" ;;
    filtered) record --tool own --cache 32KiB:8,1MiB:16 -- "$@" ;;
  esac
  awk -v way="$way" 'NR == FNR { valgrind = $1 + $2; next }
    { printf "%-9s valgrind %.2f", way, valgrind
      if ($3 > 0) printf "  pageferry %.2f  elapsed %.2f", $1 + $2 - valgrind, $3
      print "" }' "$folder/times" "$folder/total"
}

for ((i = 0; i < rounds; i++)); do
  for way in $ways; do one $way "$@"; done
done | tee "$folder/all"
awk '{ for (i = 2; i < NF; i += 2) { key = $1 " " $i; if (!(key in least) || $(i + 1) < least[key]) least[key] = $(i + 1) }
       if (!($1 in seen)) { seen[$1] = 1; order[++count] = $1 } }
  END { print "at least, seconds:"
    for (k = 1; k <= count; k++) {
      way = order[k]
      printf "%-9s valgrind %.2f", way, least[way " valgrind"]
      if ("null valgrind" in least) printf " = %.2f x null", least[way " valgrind"] / least["null valgrind"]
      if ((way " elapsed") in least) printf "  pageferry %.2f  elapsed %.2f", least[way " pageferry"], least[way " elapsed"]
      print "" } }' "$folder/all"
