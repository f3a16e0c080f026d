"use strict";
// Puts the sections that the server sends in the place of those that the page shows. What the reader has opened,
// where the focus is, and how far a table is scrolled stay as they are.
(() => {
  const connection = document.getElementById("connection"), told = document.getElementById("told");
  const pause = document.getElementById("pause");
  const waiting = new Map(); // sections that came while the reader paused, or selects text in them
  let paused = false;

  const within = (section, selector) => [...section.querySelectorAll(selector)];
  const figureText = (figure) => figure.querySelector("script[data-plot]").textContent;
  const isSelected = (section) => {
    const selection = getSelection();
    return !selection.isCollapsed && section.contains(selection.anchorNode);
  };

  function keepFigures(old, fresh) {
    for (const figure of within(fresh, "figure.plot")) {
      const same = document.getElementById(figure.querySelector(".canvas").id)?.closest("figure.plot");
      if (same && old.contains(same) && figureText(same) === figureText(figure)) figure.replaceWith(same);
    }
  }

  function keepAlike(old, fresh, selector, copy) {
    const before = within(old, selector), after = within(fresh, selector);
    if (before.length === after.length) before.forEach((element, place) => copy(element, after[place]));
  }

  function put(name, html) {
    const old = document.getElementById(name), template = document.createElement("template");
    template.innerHTML = html;
    const fresh = template.content.firstElementChild, focusable = "a, button, summary, [tabindex]";
    const focused = within(old, focusable).indexOf(document.activeElement);
    const scrolled = within(old, ".scroll").map((element) => element.scrollLeft);
    keepAlike(old, fresh, "details", (before, after) => { after.open = before.open; });
    keepFigures(old, fresh);
    old.replaceWith(fresh);
    within(fresh, ".scroll").forEach((element, place) => { element.scrollLeft = scrolled[place] ?? 0; });
    if (focused >= 0) within(fresh, focusable)[focused]?.focus({ preventScroll: true });
    kresnetFigures.adopt(fresh);
  }

  function putWaiting() {
    if (paused) return;
    for (const [name, html] of waiting) {
      if (isSelected(document.getElementById(name))) continue;
      waiting.delete(name);
      put(name, html);
    }
  }

  const source = new EventSource(`events?version=${document.currentScript.dataset.version}`);
  const say = (text) => { connection.textContent = paused ? "Paused: the page stays as it is." : text; };
  source.addEventListener("open", () => say(connection.dataset.live));
  source.addEventListener("error", () => {
    const now = new Date().toLocaleTimeString();
    say(`Not connected since ${now}: kresnet watch has ended. The page shows what was on disk then.`);
  });
  source.addEventListener("sections", (event) => {
    const news = JSON.parse(event.data);
    for (const [name, html] of Object.entries(news.sections)) waiting.set(name, html);
    putWaiting();
    if (!paused && told.textContent !== news.told) told.textContent = news.told;
  });
  source.addEventListener("reload", () => {
    if (paused) waiting.clear();
    source.close();
    if (!paused) location.reload();
    else pause.dataset.reload = "yes";
  });
  document.addEventListener("selectionchange", putWaiting);

  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Go on" : "Pause";
    if (!paused && pause.dataset.reload) return location.reload();
    say(source.readyState === EventSource.OPEN ? connection.dataset.live : connection.textContent);
    return putWaiting();
  });
})();
