#!/bin/bash
# Runs the unit test programs it is given: one line for each that passes, all
# the output of one that fails. A program that dies or hangs has failed. Where
# they are for another processor, EMULATOR is what runs them.
set -uo pipefail

passed=0
failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Adds up "[  PASSED  ] 3 test(s)."; newer cmockas put the group's name in.
count() {
    sed -n "s/^\\[  $1 *\\] \\(.*: \\)\\{0,1\\}\\([0-9]\\{1,\\}\\) test(s).*/\\2/p" "$2" |
        awk '{ n += $1 } END { print n + 0 }'
}

for program in "$@"; do
    timeout --kill-after=5 "${UNIT_TIMEOUT:-300}" \
        ${EMULATOR:+"$EMULATOR"} "$program" >"$log" 2>&1
    status=$?
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
done

echo "unit: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
