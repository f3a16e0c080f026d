#!/bin/sh
# Bundle CodeMirror for the editor page, with the licences of all that is in it. Needs npm and a network; nothing else does.
set -eu
cd "$(dirname "$0")"
npm ci --no-audit --no-fund --ignore-scripts
made_from=$(cat codemirror.js package.json package-lock.json | sha256sum | cut -d ' ' -f 1)
node_modules/.bin/esbuild codemirror.js --bundle --minify --format=esm --target=es2022 --legal-comments=none \
  --banner:js="// CodeMirror 6, by Marijn Haverbeke and others: MIT, see codemirror.LICENSES.txt. Built by kresnet/pages/codemirror/build.sh from $made_from" \
  --metafile=node_modules/meta.json --outfile=../assets/codemirror.js
node -e '
  const fs = require("fs"), { inputs } = JSON.parse(fs.readFileSync("node_modules/meta.json"));
  const names = new Set(Object.keys(inputs).map((path) => path.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1]).filter(Boolean));
  const parts = [...names].sort().map((name) => {
    const { version, license } = JSON.parse(fs.readFileSync(`node_modules/${name}/package.json`));
    return `${name} ${version} (${license})\n\n${fs.readFileSync(`node_modules/${name}/LICENSE`, "utf8").trim()}\n`;
  });
  fs.writeFileSync("../assets/codemirror.LICENSES.txt", parts.join("\n" + "-".repeat(78) + "\n\n"));
'
rm -rf node_modules
