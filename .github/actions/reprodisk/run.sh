#!/bin/sh
# Runs the program as the inputs of the action ask for, and sets its outputs.
# Exit status 2 of the program, trouble, fails this step; 1, differences, is an
# output, for the steps that follow.
set -eu
tab='	'
newline='
'

program=${INPUT_BINARY:-$RUNNER_TEMP/reprodisk/reprodisk}
reports=${INPUT_REPORTS:-reprodisk-report}
mkdir -p "$reports"
reports=$(cd "$reports" && pwd)

# A file of an earlier run is not this run's outcome.
for file in report.json report.sarif junit.xml comment.md report.html; do
  rm -f "$reports/$file"
done

# What has a line each becomes words, without the blanks around them.
lines() {
  printf '%s\n' "$1" | sed "s/^[ $tab]*//; s/[ $tab]*\$//; /^\$/d"
}

set -- --github --text - --json "$reports/report.json" --sarif "$reports/report.sarif" \
  --junit "$reports/junit.xml" --markdown "$reports/comment.md" --html "$reports/report.html"
if [ -n "${INPUT_POLICY:-}" ]; then set -- "$@" --policy "$INPUT_POLICY"; fi
if [ -n "${INPUT_BASELINE:-}" ]; then set -- "$@" --baseline "$INPUT_BASELINE"; fi
if [ "${INPUT_STRICT:-}" = true ]; then set -- "$@" --strict; fi

# The workflow makes the image where nothing else is said to:
# "owner/repository/.github/workflows/image.yml@refs/heads/main".
source=${INPUT_SOURCE:-}
if [ -z "$source" ] && [ -z "${INPUT_SPEC:-}" ] && [ -n "${GITHUB_WORKFLOW_REF:-}" ]; then
  source=${GITHUB_WORKFLOW_REF%%@*}
  source=${GITHUB_WORKSPACE:-.}/${source#*/*/}
  if [ ! -f "$source" ]; then source=; fi
fi
if [ -n "$source" ]; then set -- "$@" --source "$source"; fi

IFS=$newline
set -f
for arg in $(lines "${INPUT_ARGS:-}"); do set -- "$@" "$arg"; done

kinds=0
for kind in "${INPUT_SPEC:-}" "${INPUT_COMMAND:-}" "${INPUT_IMAGES:-}"; do
  if [ -n "$kind" ]; then kinds=$((kinds + 1)); fi
done
if [ "$kinds" != 1 ]; then
  echo "::error title=reprodisk::give one of the inputs spec, command and images" >&2
  exit 2
fi

status=0
if [ -n "${INPUT_SPEC:-}" ]; then
  "$program" verify "$@" "$INPUT_SPEC" || status=$?
elif [ -n "${INPUT_COMMAND:-}" ]; then
  "$program" verify "$@" -- sh -ec "$INPUT_COMMAND" || status=$?
else
  count=0
  for image in $(lines "$INPUT_IMAGES"); do
    set -- "$@" "$image"
    count=$((count + 1))
  done
  if [ "$count" != 2 ]; then
    echo "::error title=reprodisk::the input images wants two lines, a line an image" >&2
    exit 2
  fi
  "$program" diff "$@" || status=$?
fi
if [ "$status" -gt 1 ]; then exit "$status"; fi
{
  echo "status=$status"
  echo "reports=$reports"
} >>"$GITHUB_OUTPUT"
