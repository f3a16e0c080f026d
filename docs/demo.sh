#!/bin/sh
# From a folder of photos to a served model and a file for a phone: `sh docs/demo.sh DIR` (DIR is emptied first).
set -eu
dir=${1:-demo}
rm -rf "$dir"
mkdir -p "$dir"

say() { printf '\n# %s\n' "$*"; }
step() { printf '$ %s\n' "$*"; "$@"; }

say 'A folder of photos, one folder a class (made of the images that ship with kresnet), and what is in it.'
step python docs/demo_photos.py "$dir/photos"
step kresnet data "$dir/photos"
say 'What the network costs, layer by layer, before anything is built.'
step kresnet plan quickstart
say 'The Keras model, verified against that plan.'
step kresnet build quickstart -o "$dir/built"
say 'Training. A tenth of the training photos is kept apart, to choose by and to calibrate with.'
step kresnet fit quickstart -o "$dir/run" --set "recipe.data={kind: folder, path: $dir/photos, validation: 0.1}"
say 'How sure it may be of its answers, learned from the photos kept apart.'
step kresnet calibrate "$dir/run"
say 'The honest number: photos that neither training nor choosing has seen.'
step kresnet evaluate "$dir/run"
say 'All of it on one page.'
step kresnet report "$dir/run" -o "$dir/report.html"
say 'A SavedModel with the calibrated answers, published once the runtime of TF Serving gave the same.'
step kresnet export "$dir/run" -o "$dir/models"
say 'The proof again, in a process without the Python of TensorFlow.'
step kresnet check export "$dir/models/quickstart/1"
say 'An answer from the run, and the same from a server.'
step kresnet predict "$dir/run" docs/images/ankle_boot.png docs/images/coat.png
printf '$ kresnet serve %s --rest-port 0 &\n' "$dir/models"
kresnet serve "$dir/models" --rest-port 0 --grpc-port 0 2> "$dir/serve.log" &
server=$!
trap 'kill $server 2> /dev/null || true' EXIT
until address=$(sed -n 's|^REST at \(.*\)/v1/models.*|\1|p' "$dir/serve.log") && [ -n "$address" ]; do sleep 0.2; done
step kresnet predict --server "$address" --model quickstart docs/images/ankle_boot.png docs/images/coat.png
say 'A file of integers for a phone, a quarter of the size, run on the photos kept apart before it is kept.'
step kresnet export "$dir/run" -o "$dir/quickstart.tflite" --format tflite --weights int8
