// The editor page: a text on the left, what it means on the right, answered by the server a moment after each key.
import {
  autocompletion, bracketMatching, closeBrackets, closeBracketsKeymap, completionKeymap, defaultKeymap, drawSelection,
  EditorState, EditorView, foldGutter, foldKeymap, highlightActiveLine, highlightActiveLineGutter,
  highlightSelectionMatches, highlightSpecialChars, HighlightStyle, history, historyKeymap, hoverTooltip, indentOnInput,
  keymap, lineNumbers, lintGutter, lintKeymap, searchKeymap, setDiagnostics, syntaxHighlighting, tags, yaml,
} from "./codemirror.js";
import { completions, Guide, settingAt } from "./schema.js";

// Milliseconds after the last key until the network is asked for, then until what it changed is; between looks at the disk.
const PAUSE = 40, CHANGES_PAUSE = 250, DISK_PAUSE = 2000;

const start = JSON.parse(document.getElementById("start").textContent);
const $ = (id) => document.getElementById(id);
const documents = Object.fromEntries(Object.entries(start.documents).map(([kind, found]) => [kind, { kind, ...found, saved: found.text }]));
let current = "spec", view = "network", command = {}, keyed = performance.now();

async function ask(path, values, signal) {
  const response = await fetch(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(values), signal,
  });
  const answer = await response.json();
  if (!response.ok && !answer.problems) throw new Error(response.statusText);
  return answer;
}

// Pieces that the server made are put in whole; what was unfolded stays so.
function fill(name, html) {
  const place = document.querySelector(`[data-fill="${name}"]`);
  const nameOf = (details) => details.closest("[data-fill]") === place && `${details.closest(".level")?.querySelector("h2,h3")?.textContent}/${details.querySelector(".name,summary")?.textContent}`;
  const unfolded = new Set([...place.querySelectorAll("details[open]")].map(nameOf));
  place.innerHTML = html;
  if (unfolded.size) place.querySelectorAll("details").forEach((each) => { each.open = unfolded.has(nameOf(each)); });
  globalThis.kresnetFigures?.adopt(place);
}

const problemList = (problems) => {
  const list = document.createElement("ul");
  for (const problem of problems) {
    const item = document.createElement("li"), words = document.createElement(problem.here ? "button" : "p");
    words.textContent = problem.text ?? [problem.message, problem.remedy && `try: ${problem.remedy}`].filter(Boolean).join("\n  ");
    if (problem.here) {
      words.type = "button";
      words.addEventListener("click", () => goTo(problem));
    }
    item.append(words);
    list.append(item);
  }
  return list;
};

function say(name, problems) {
  const place = document.querySelector(`[data-fill="${name}"]`);
  place.replaceChildren(Object.assign(document.createElement("div"), { className: "notice error" }));
  place.firstChild.append(problemList(problems));
}

// The text

const style = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--accent)" },
  { tag: tags.comment, color: "var(--ink-2)", fontStyle: "italic" },
  { tag: [tags.string, tags.content], color: "var(--ink)" },
  { tag: [tags.punctuation, tags.separator, tags.squareBracket, tags.brace], color: "var(--ink-2)" },
]);
const theme = EditorView.theme({
  "&": { color: "var(--ink)", backgroundColor: "var(--paper)" },
  ".cm-content": { caretColor: "var(--ink)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused": { outline: "3px solid var(--accent)", outlineOffset: "-2px" },
  ".cm-gutters": { backgroundColor: "var(--raised)", color: "var(--ink-2)", borderRight: "1px solid var(--rule)" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in srgb, var(--accent) 8%, transparent)" },
  "& .cm-selectionBackground, &.cm-focused .cm-selectionBackground": { backgroundColor: "color-mix(in srgb, var(--accent) 25%, transparent) !important" },
  ".cm-tooltip, .cm-panels": { backgroundColor: "var(--raised)", color: "var(--ink)", border: "1px solid var(--rule)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { maxHeight: "16em" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--paper)" },
  ".cm-completionInfo": { maxWidth: "24rem", whiteSpace: "pre-wrap" },
  ".cm-completionDetail": { opacity: ".8" },
  ".cm-foldPlaceholder": { backgroundColor: "var(--raised)", color: "var(--ink-2)" },
});

const guides = {};
const guideOf = (kind) => (guides[kind] ??= fetch(`schema/${kind}`).then((response) => response.json()).then((schema) => new Guide(schema)));

const complete = (kind) => async (context) => completions(await guideOf(kind), context.state, context.pos, context.explicit);
const hover = (kind) => hoverTooltip(async (view, at) => {
  const found = settingAt(await guideOf(kind), view.state, at);
  if (!found) return null;
  return { pos: found.from, end: found.to, above: true, create: () => {
    const dom = Object.assign(document.createElement("div"), { className: "setting" });
    for (const [name, text] of [["b", found.key], ["p", found.text], ["p", found.type]]) {
      dom.append(Object.assign(document.createElement(name), { textContent: text }));
    }
    dom.lastChild.className = "type";
    return { dom };
  } };
});

const stateOf = ({ kind, text }) => EditorState.create({ doc: text, extensions: [
  lineNumbers(), highlightActiveLineGutter(), highlightSpecialChars(), history(), foldGutter(), drawSelection(),
  indentOnInput(), bracketMatching(), closeBrackets(), highlightActiveLine(), highlightSelectionMatches(), lintGutter(),
  syntaxHighlighting(style), theme, yaml(), autocompletion({ override: [complete(kind)] }), hover(kind),
  EditorView.contentAttributes.of({ "aria-label": `${kind}, as YAML`, spellcheck: "false", tabindex: "0" }),
  keymap.of([{ key: "Mod-s", run: () => (save(), true) }, ...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap,
    ...foldKeymap, ...completionKeymap, ...lintKeymap]),
  EditorView.updateListener.of((update) => { if (update.docChanged) changed(); }),
] });

for (const each of Object.values(documents)) each.state = stateOf(each);
const editor = new EditorView({ state: documents.spec.state, parent: $("document") });
const textOf = (kind) => (kind === current ? editor.state : documents[kind].state).doc.toString();

function goTo(problem) {
  const line = editor.state.doc.line(Math.min(problem.line, editor.state.doc.lines));
  editor.dispatch({ selection: { anchor: Math.min(line.from + (problem.column ?? 1) - 1, line.to) }, scrollIntoView: true });
  editor.focus();
}

function underline(problems) {
  const doc = editor.state.doc;
  const marks = problems.filter((problem) => problem.here).map((problem) => {
    const line = doc.line(Math.min(problem.line, doc.lines)), from = Math.min(line.from + (problem.column ?? 1) - 1, line.to);
    const word = doc.sliceString(from, line.to).match(/^[^\s,}\]:#]+/)?.[0].length ?? line.to - from;
    return { from, to: Math.min(from + Math.max(word, 1), line.to), severity: "error", message: problem.text };
  });
  editor.dispatch(setDiagnostics(editor.state, marks));
  $("problems").replaceChildren(...(problems.length ? [problemList(problems)] : []));
}

// What it means

let looking = false, again = false, timer = 0, changesTimer = 0;

function changed() {
  keyed = performance.now();
  mark();
  clearTimeout(timer);
  clearTimeout(changesTimer);
  timer = setTimeout(look, PAUSE);
}

// One question at a time: what was typed meanwhile is asked about when the answer has come.
async function look() {
  if (looking) {
    again = true;
    return;
  }
  looking = true;
  const kind = current, since = keyed;
  const values = { kind, text: textOf(kind) };
  if (kind === "spec") Object.assign(values, { view, batch: $("batch").valueAsNumber || 32, precision: $("precision").value });
  else $("line").textContent = `Reading the ${kind}…`;
  if (kind === "recipe") Object.assign(values, { spec: textOf("spec"), images: $("images").valueAsNumber || 50000 });
  try {
    const answer = await ask("look", values);
    if (kind === current && values.text === textOf(kind)) told(kind, answer, values);
    requestAnimationFrame(() => { document.documentElement.dataset.answered = `${performance.now() - since}`; });
  } catch {
    $("line").textContent = "The server does not answer; is `kresnet edit` still running?";
  } finally {
    looking = false;
  }
  if (again) {
    again = false;
    look();
  }
}

function told(kind, answer, values) {
  underline(answer.problems);
  $("results").classList.toggle("stale", answer.problems.length > 0);
  if (answer.problems.length) {
    $("line").textContent = answer.problems.length === 1 ? "1 problem" : `${answer.problems.length} problems`;
    return;
  }
  if (kind === "spec") {
    if (answer.network) fill("network", answer.network);
    if (answer.layers) {
      fill("layers", answer.layers);
      document.querySelector('[data-text="memory"]').textContent = answer.memory;
    }
    changesTimer = setTimeout(changesNow, CHANGES_PAUSE);
  } else {
    if (answer.variants) fill("variants", answer.variants);
    fill(kind, answer.figures);
    if (kind === "recipe") strength(values);
  }
  $("line").textContent = answer.line;
  command[kind === "spec" ? "network" : kind] = command[kind === "spec" ? "layers" : kind] = answer.command;
  showCommand();
}

// Images are changed by the recipe to see how much: a second or two.
async function strength(values) {
  const answer = await ask("strength", values);
  if (current === "recipe" && values.text === textOf("recipe")) answer.problems ? say("strength", answer.problems) : fill("strength", answer.figures);
}

async function changesNow() {
  if (current !== "spec") return;
  const text = textOf("spec"), compared = view === "compare" && $("beside").value;
  try {
    const answer = compared ? await ask("compare", { text, against: $("beside").value }) : await ask("changes", { text, against: $("against").value });
    if (text !== textOf("spec")) return;
    const name = compared ? "both" : "changes";
    if (answer.problems) return say(name, answer.problems);
    if (compared) fill("both", answer.changes + answer.both);
    else fill("changes", answer.changes);
    command[compared ? "compare" : "changes"] = answer.command;
    showCommand();
  } catch { /* the next key asks again */ }
}

// Tabs

function showCommand() {
  $("command").textContent = command[current === "spec" ? view : current] ?? "";
  $("copy").disabled = !$("command").textContent;
}

function show() {
  const shown = current === "spec" ? view : current;
  for (const panel of document.querySelectorAll("[data-panel]")) panel.hidden = panel.dataset.panel !== shown;
  for (const tab of document.querySelectorAll("[role=tab]")) {
    const chosen = tab.dataset.kind ? tab.dataset.kind === current : tab.dataset.view === view;
    tab.setAttribute("aria-selected", chosen);
    tab.tabIndex = chosen ? 0 : -1;
    if (tab.dataset.view) tab.hidden = current !== "spec";
  }
  $("document").setAttribute("aria-labelledby", `tab-${current}`);
  showCommand();
}

function openDocument(kind) {
  documents[current].state = editor.state;
  current = kind;
  editor.setState(documents[kind].state);
  mark();
  show();
  changed();
}

function openView(name) {
  view = name;
  show();
  if (["changes", "compare"].includes(name)) changesNow();
  if (["network", "layers"].includes(name)) look();
}

for (const list of document.querySelectorAll("[role=tablist]")) {
  const tabs = [...list.querySelectorAll("[role=tab]")];
  const choose = (tab) => (tab.dataset.kind ? openDocument(tab.dataset.kind) : openView(tab.dataset.view));
  for (const tab of tabs) {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const to = event.key === "Home" ? tabs[0] : event.key === "End" ? tabs.at(-1) : step && tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
      if (!to) return;
      event.preventDefault();
      choose(to);
      to.focus();
    });
  }
}

$("copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText($("command").textContent);
  $("copy").textContent = "Copied";
  setTimeout(() => { $("copy").textContent = "Copy command"; }, 1500);
});
for (const id of ["batch", "precision", "images"]) $(id).addEventListener("input", changed);
for (const id of ["against", "beside"]) $(id).addEventListener("change", changesNow);
for (const form of document.querySelectorAll("form.asked")) form.addEventListener("submit", (event) => event.preventDefault());

// The file

function mark() {
  const found = documents[current];
  for (const each of Object.values(documents)) $(`tab-${each.kind}`).classList.toggle("changed", textOf(each.kind) !== each.saved);
  $("name").textContent = found.shipped ? `${found.name} (shipped)` : found.digest ? found.name : `${found.name} (new)`;
}

async function save(digest, name) {
  const found = documents[current], text = textOf(current);
  if (name === undefined && (found.shipped || !found.digest)) return saveAs();
  const answer = await ask("save", { kind: found.kind, text, digest: digest ?? found.digest, name });
  if (answer.problems) {
    if (answer.problems[0].code === "output_exists") return askAboutDisk(answer.problems[0].message, name);
    return notice(answer.problems.map((each) => each.message).join(" "), []);
  }
  Object.assign(found, { saved: text, shipped: false, seen: undefined, ...answer });
  notice("");
  changed();
  $("name").textContent = `${found.name}, saved`;
}

function saveAs() {
  $("saving-name").value = documents[current].name;
  $("saving-folder").textContent = `In ${documents[current].folder}.`;
  $("saving").returnValue = "";
  $("saving").showModal();
}
$("saving").addEventListener("close", () => { if ($("saving").returnValue) save("", $("saving-name").value); });

function notice(text, answers = []) {
  if (!text) return $("asks").replaceChildren();
  const box = Object.assign(document.createElement("div"), { className: "notice warning" });
  box.append(Object.assign(document.createElement("p"), { textContent: text }));
  for (const [words, act] of answers) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: words });
    button.addEventListener("click", () => { notice(""); act(); });
    box.append(button);
  }
  $("asks").replaceChildren(box);
}

// Somebody else's text stands on disk: theirs or ours, by the user's word.
async function askAboutDisk(message, name) {
  const found = documents[current], disk = await ask("disk", { kind: found.kind, digest: "?" });
  found.seen = disk.digest;
  notice(message, [
    ["Take what is on disk", () => {
      Object.assign(found, { digest: disk.digest, saved: disk.text, seen: undefined });
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: disk.text } });
    }],
    ["Overwrite it with mine", () => save("*", name)],
    ["Go on", () => {}],
  ]);
}

async function lookAtDisk() {
  const found = documents[current];
  if (document.hidden || found.shipped || $("saving").open) return;
  try {
    const disk = await ask("disk", { kind: found.kind, digest: found.digest });
    if (found !== documents[current] || disk.problems || disk.digest === found.digest || disk.digest === found.seen) return;
    askAboutDisk(disk.digest ? `${found.name} has been changed by others.` : `${found.name} is gone.`);
  } catch { /* the server has ended; the next key says so */ }
}
setInterval(lookAtDisk, DISK_PAUSE);
addEventListener("focus", lookAtDisk);
addEventListener("beforeunload", (event) => {
  if (Object.values(documents).some((each) => textOf(each.kind) !== each.saved)) event.preventDefault();
});
$("save").addEventListener("click", () => save());

for (const button of document.querySelectorAll("[data-lesson]")) {
  button.addEventListener("click", () => {
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: start.lessons[button.dataset.lesson].spec } });
    editor.focus();
  });
}

// Experiments

$("experiment").addEventListener("submit", async () => {
  const began = performance.now(), ticking = setInterval(() => {
    $("running").textContent = `Running for ${Math.round((performance.now() - began) / 1000)} s…`;
  }, 500);
  $("run").disabled = true;
  $("stop").disabled = false;
  try {
    const answer = await ask("experiment", {
      text: textOf("spec"), measure: $("measure").value, series: $("series").value,
      batch: $("images-batch").valueAsNumber || 16, recipe: $("images-of").value, seed: $("seed").valueAsNumber || 0,
    });
    $("running").textContent = answer.problems ? "No figures." : `Measured in ${((performance.now() - began) / 1000).toFixed(1)} s.`;
    if (answer.problems) return say("experiment", answer.problems);
    fill("experiment", answer.figures);
    command.experiments = answer.command;
    showCommand();
  } finally {
    clearInterval(ticking);
    $("run").disabled = false;
    $("stop").disabled = true;
  }
});
$("stop").addEventListener("click", () => ask("stop", {}));

for (const kind of Object.keys(documents)) guideOf(kind);
mark();
show();
look();
editor.focus();
