#!/bin/sh
# Fuzzes the core, or makes the committed inputs anew.
#
#   sh tests/fuzz/run.sh fuzz SECONDS   every target for so long (`make fuzz seconds=SECONDS`)
#   sh tests/fuzz/run.sh minimise       tests/fuzz/corpus: of all inputs, and the seeds, few that lead far
set -eu
cd "$(dirname "$0")/../.."

targets='configuration reply payload exchange'
# How many inputs of each are committed.
most=300
work=${CARGO_TARGET_DIR:-$PWD/target}
tools=$work/tools
work=$work/fuzz
unset CARGO_TARGET_DIR

build() {
    command -v c++ >/dev/null || { echo 'error: c++ is missing, which builds libFuzzer: install g++' >&2; exit 1; }
    PATH=$tools/bin:$PATH
    command -v cargo-fuzz >/dev/null || cargo install --locked --root "$tools" --version 0.13.2 cargo-fuzz
    # No sanitizer: the core forbids unsafe code, so there is nothing for one to find. Without one a stable compiler
    # will do.
    (cd tests/fuzz && cargo fuzz build --fuzz-dir . --sanitizer none --target-dir "$work/build")
    bin=$work/build/$(rustc -vV | sed -n 's/^host: //p')/release
}

# Puts the committed inputs of a target into a folder.
unpack() {
    rm -rf "$2"
    mkdir -p "$2"
    number=0
    while read -r input; do
        number=$((number + 1))
        printf %s "$input" | base64 -d >"$2/$number"
    done <"tests/fuzz/corpus/$1.base64"
}

# Commits the inputs in a folder: a line for each.
pack() {
    for input in "$2"/*; do
        base64 <"$input" | tr -d '\n'
        echo
    done >"tests/fuzz/corpus/$1.base64"
}

# The last value behind a word in a log of libFuzzer.
last() {
    grep -a "$1" "$work/$2.log" | tail -n 1 | sed "s/.*$1 *//; s/[ \/].*//"
}

fuzz() {
    failed=
    mkdir -p "$work/artifacts"
    for target in $targets; do
        mkdir -p "$work/corpus/$target"
        unpack "$target" "$work/committed/$target"
        # New inputs go into the first folder. The committed ones are only read. An input takes milliseconds: two
        # minutes are the time of one that never ends, on a busy machine too.
        "$bin/$target" -max_total_time="$1" -print_final_stats=1 -timeout=120 -artifact_prefix="$work/artifacts/$target-" \
            "$work/corpus/$target" "$work/committed/$target" >"$work/$target.log" 2>&1 &
        pid=$!
        trap 'kill $pid; exit 130' INT TERM
        elapsed=0
        while kill -0 $pid 2>/dev/null; do
            sleep 1
            elapsed=$((elapsed + 1))
            if [ $((elapsed % 10)) = 0 ]; then
                printf '%-14s %4s s of %s  %s\n' "$target" "$elapsed" "$1" \
                    "$(grep -a '^#[0-9]' "$work/$target.log" | tail -n 1 | sed 's/ lim:.*exec/ exec/; s/ rss:.*//')"
            fi
        done
        trap - INT TERM
        wait $pid || failed="$failed $target"
    done

    printf '\n%-14s %12s %10s %8s %10s\n' target executions per\ second inputs coverage
    for target in $targets; do
        printf '%-14s %12s %10s %8s %10s\n' "$target" "$(last stat::number_of_executed_units: "$target")" \
            "$(last stat::average_exec_per_sec: "$target")" "$(last corp: "$target")" "$(last cov: "$target")"
    done
    for target in $failed; do
        printf '\nerror: %s: something does not hold\n' "$target" >&2
        grep -a -A 3 'panicked at\|ERROR: libFuzzer: [to]' "$work/$target.log" | cut -c1-500 >&2
        grep -a 'Test unit written to' "$work/$target.log" | sed 's/.*written to /the input is /' >&2
        printf 'the whole output is %s\nto run it again: %s FILE\n' "$work/$target.log" "$bin/$target" >&2
    done
    [ -z "$failed" ]
}

minimise() {
    rm -rf "$work/seeds" "$work/minimised"
    mkdir -p "$work/artifacts"
    CARGO_TARGET_DIR=$work/seeds-build cargo run --locked --quiet -p properties --bin seeds -- "$work/seeds"
    for target in $targets; do
        mkdir -p "$work/minimised/$target" "$work/corpus/$target"
        unpack "$target" "$work/committed/$target"
        # It goes on where something does not hold.
        if ! "$bin/$target" -set_cover_merge=1 -use_counters=0 -max_len=2048 -artifact_prefix="$work/artifacts/$target-" \
            "$work/minimised/$target" "$work/seeds/$target" "$work/committed/$target" "$work/corpus/$target" \
            >"$work/$target.log" 2>&1 || grep -aq 'panicked at' "$work/$target.log"; then
            printf '%s\n' "error: $target: something does not hold, the whole output is $work/$target.log" >&2
            exit 1
        fi
        # They were written in the order of how much each adds.
        (cd "$work/minimised/$target" && ls -tr | tail -n +$((most + 1)) | xargs rm -f)
        pack "$target" "$work/minimised/$target"
        echo "$target: $(wc -l <"tests/fuzz/corpus/$target.base64") inputs"
    done
}

case "$*" in
'fuzz '[1-9]*) build; fuzz "$2" ;;
minimise) build; minimise ;;
*) sed -n 's/^# \{0,1\}//; 2,5p' "$0" >&2; exit 2 ;;
esac
