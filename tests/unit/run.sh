#!/bin/bash
# Runs the unit test programs it is given, as many at once as there are cores: one
# line for each that passes, all the output of one that fails, in the order given.
# A program that dies or hangs has failed. Where they are for another processor,
# EMULATOR is what runs them.
#
#     UNIT_JOBS=2         so many at once
#     UNIT_TIMEOUT=300    seconds for one; three times as long with an EMULATOR
set -uo pipefail

passed=0
failed=0
programs=("$@")
jobs=${UNIT_JOBS:-$(nproc)}
limit=${UNIT_TIMEOUT:-$([ -n "${EMULATOR-}" ] && echo 900 || echo 300)}
logs=$(mktemp -d)

# Adds up "[  PASSED  ] 3 test(s)."; newer cmockas put the group's name in.
count() {
    sed -n "s/^\\[  $1 *\\] \\(.*: \\)\\{0,1\\}\\([0-9]\\{1,\\}\\) test(s).*/\\2/p" "$2" |
        awk '{ n += $1 } END { print n + 0 }'
}

run() { # INDEX
    timeout --kill-after=5 "$limit" \
        ${EMULATOR:+"$EMULATOR"} "${programs[$1]}" >"$logs/$1.log" 2>&1
    echo $? >"$logs/$1.status"
}

# All, in the background.
run_all() {
    local i
    for i in "${!programs[@]}"; do
        while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
        run "$i" &
    done
    wait
}

report() { # INDEX
    local program=${programs[$1]} log=$logs/$1.log status ok bad left_out
    status=$(cat "$logs/$1.status" || echo 125)
    ok=$(count PASSED "$log")
    bad=$(count FAILED "$log")
    left_out=$(count SKIPPED "$log")
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
        bad=1 # it died before it could count
    elif [ "$status" -eq 0 ] && [ "$ok" -eq 0 ] &&
        { [ -z "${EMULATOR-}" ] || [ "$left_out" -eq 0 ]; }; then
        bad=1 # a test that tests nothing is a defect, but QEMU has no sandbox
        echo "$program ran no test" >>"$log"
    fi
    if [ "$bad" -gt 0 ]; then
        cat "$log"
        echo "FAIL $program (exit status $status)"
    elif [ "$ok" -eq 0 ]; then
        echo "skip $program ($left_out tests)"
    else
        echo "ok   $program ($ok tests)"
    fi
    passed=$((passed + ok))
    failed=$((failed + bad))
}

run_all &
pool=$!
trap 'kill "$pool" 2>/dev/null; rm -rf "$logs"' EXIT
for i in "${!programs[@]}"; do
    while [ ! -s "$logs/$i.status" ] && kill -0 "$pool" 2>/dev/null; do
        sleep 0.02
    done
    report "$i"
done

echo "unit: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
