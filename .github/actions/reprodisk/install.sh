#!/bin/sh
# Builds the program into $RUNNER_TEMP/reprodisk: the version that is asked for,
# or the source that this action is a part of.
set -eu
if [ -n "${INPUT_VERSION:-}" ]; then
  GOBIN="$RUNNER_TEMP/reprodisk" go install "github.com/reprodisk/reprodisk/cmd/reprodisk@$INPUT_VERSION"
else
  CGO_ENABLED=0 go build -C "$ACTION/../../.." -trimpath -o "$RUNNER_TEMP/reprodisk/reprodisk" ./cmd/reprodisk
fi
