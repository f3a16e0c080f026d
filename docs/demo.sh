#!/bin/sh
# The main job from end to end, on images that ship with kresnet: `sh docs/demo.sh DIR` (DIR is emptied first).
set -eu
dir=${1:-demo}
rm -rf "$dir"

step() { printf '\n$ %s\n' "$*"; "$@"; }

step kresnet plan quickstart
step kresnet build quickstart -o "$dir/built"
step kresnet fit quickstart -o "$dir/run"
step kresnet evaluate "$dir/run"
step kresnet export "$dir/run" -o "$dir/models"
step kresnet check export "$dir/models/quickstart/1"
step kresnet predict "$dir/run" docs/images/ankle_boot.png docs/images/coat.png
