# What the `run` scripts of the examples share: each shows its story on this machine, without a cluster. The volume is
# written here as the kubelet writes it. To be read by a script that has set `here` to its own directory.

set -eu
rehup=${REHUP_BIN:-$here/../../dist/rehup}
[ -x "$rehup" ] || rehup=$here/../../dist/rehup-node
[ -x "$rehup" ] || { echo "run: $rehup is not there; npm run build makes it" >&2; exit 1; }
work=$(mktemp -d)
chmod 755 "$work"
# What of the story is meant by the functions below, and what runs of it: those of rehup, and what is beside them.
who=app
pids=
helpers=
generations=0
trap 'for one in $pids $helpers; do kill "$one" && kill -CONT "$one" && wait "$one" || true; done 2>/dev/null; rm -rf "$work"' EXIT

# of NAME: from now on that one is meant.
of() { who=$1; }

# needs PROGRAM PACKAGE: ends unless the program is there.
needs() {
  command -v "$1" >/dev/null || { echo "run: $1 is not there; apt-get install -y $2 brings it" >&2; exit 1; }
}

# write_volume NAME KEY CONTENT [KEY CONTENT]...: a new generation of files, and one atomic rename of the link ..data that
# makes it the present one. The keys are those of the first time.
write_volume() {
  volume=$work/$1
  shift
  generations=$((generations + 1))
  generation=..$(date -u +%Y_%m_%d_%H_%M_%S).$generations
  mkdir -p "$volume/$generation"
  while [ $# -gt 0 ]; do
    printf '%s\n' "$2" >"$volume/$generation/$1"
    [ -L "$volume/$1" ] || ln -s "..data/$1" "$volume/$1"
    shift 2
  done
  ln -s "$generation" "$volume/..data_tmp"
  mv -T "$volume/..data_tmp" "$volume/..data"
}

# start WORDS...: rehup with these words; what the application and rehup write is kept for `expect`.
start() {
  # The shell opens the files of a command in the background when it gets there; they are to be found at once.
  : >"$work/$who.output"
  : >"$work/$who.log"
  "$rehup" "$@" >"$work/$who.output" 2>"$work/$who.log" &
  pids="$pids $!"
}

# beside WORDS...: something that rehup did not start.
beside() {
  : >"$work/$who.output"
  : >"$work/$who.log"
  "$@" >"$work/$who.output" 2>&1 &
  helpers="$helpers $!"
}

# gives_up WHY: says so, and what was written meanwhile.
gives_up() {
  echo "run: $1" >&2
  cat "$work"/*.output "$work"/*.log >&2
  exit 1
}

# expect PATTERN: waits up to a minute for a line of the application, and shows it.
expect() {
  wait_for "$work/$who.output" "$1"
  grep "$1" "$work/$who.output" | tail -n 1
}

# expect_event EVENT: the same for an event in the log of rehup.
expect_event() {
  wait_for "$work/$who.log" "\"event\":\"$1\""
  grep "\"event\":\"$1\"" "$work/$who.log" | tail -n 1 | sed 's/.*"msg":"\(.*\)"}$/rehup: \1/'
}

wait_for() {
  tries=0
  until grep -q "$2" "$1"; do
    tries=$((tries + 1))
    [ "$tries" -lt 1200 ] || gives_up "waited in vain for: $2"
    sleep 0.05
  done
}

# expect_nothing: waits for a second in which neither the application nor rehup may write a word.
expect_nothing() {
  before=$(cat "$work/$who.output" "$work/$who.log" | wc -c)
  sleep 1
  [ "$(cat "$work/$who.output" "$work/$who.log" | wc -c)" -eq "$before" ] || gives_up 'nothing was to happen'
  echo 'nothing happens'
}

# expect_answer URL TEXT: asks a server until it answers with this text, and shows that.
expect_answer() {
  tries=0
  until answer=$(ask "$1") && [ "$answer" = "$2" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || gives_up "waited in vain for the answer: $2"
    sleep 0.05
  done
  echo "$1 answers: $answer"
}

# expect_in_answer URL TEXT: the same, until the text is somewhere in the answer.
expect_in_answer() {
  tries=0
  until answer=$(ask "$1") && printf '%s' "$answer" | grep -qF "$2"; do
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || gives_up "waited in vain for an answer with: $2"
    sleep 0.05
  done
  echo "$1 answers, with: $2"
}

ask() {
  node -e 'fetch(process.argv[1]).then((got) => got.text()).then(console.log, () => process.exit(1))' "$1"
}

# A TCP port that nothing listens on.
free_port() {
  node -e 'const s = require("net").createServer().listen(0, () => { console.log(s.address().port); s.close(); })'
}

# finish CODE: the pod is deleted, or all of them are; each rehup has to end with this code.
finish() {
  echo '-- the pod is deleted'
  for one in $pids; do
    kill -TERM "$one"
  done
  for one in $pids; do
    code=0
    wait "$one" || code=$?
    [ "$code" -eq "$1" ] || gives_up "rehup ended with $code instead of $1"
  done
  pids=
  echo "-- rehup ended with ${2:-the code of the application}: $code"
}
