"use strict";
// Draws the page's figures in the reader's colours, when they come into sight. The page is whole without it.
// A page that changes itself calls `kresnetFigures.adopt(element)` for what it has put in.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const narrow = matchMedia("(max-width: 640px)");
  const coarse = matchMedia("(pointer: coarse)");
  const drawn = new Map();

  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  const color = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };

  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);

  function template() {
    const ink = color("ink-2"), grid = color("rule");
    const axis = { gridcolor: grid, linecolor: grid, zerolinecolor: grid, tickcolor: grid, tickfont: { color: ink }, title: { font: { color: ink } } };
    return {
      layout: {
        font: { family: "system-ui, sans-serif", size: narrow.matches ? 11 : 12, color: color("ink") },
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        hoverlabel: { bgcolor: color("raised"), bordercolor: grid, font: { color: color("ink") } },
        legend: { font: { color: ink } },
        xaxis: axis,
        yaxis: axis,
      },
    };
  }

  // A figure names colours as the style sheet does.
  function resolved(value) {
    if (typeof value === "string") return value.startsWith("var(--") ? color(value.slice(6, -1)) : value;
    if (Array.isArray(value)) return value.map(resolved);
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, resolved(inner)]));
    }
    return value;
  }

  function styled(figure) {
    const scales = { right: [[0, color("paper")], [1, color("right")]], wrong: [[0, color("paper")], [1, color("wrong")]] };
    const data = figure.data.map((trace) => {
      const copy = resolved(trace);
      if (trace.meta && trace.meta.scale) copy.colorscale = scales[trace.meta.scale];
      if (trace.colorbar && narrow.matches) {
        copy.colorbar = { ...trace.colorbar, orientation: "h", y: 1, yanchor: "bottom", thickness: 8,
                          title: { ...trace.colorbar.title, side: "top" } };
      }
      return copy;
    });
    const layout = { ...figure.layout, template: template(), dragmode: coarse.matches ? false : "zoom" };
    if (coarse.matches) {
      for (const axis of ["xaxis", "yaxis"]) layout[axis] = { ...layout[axis], fixedrange: true };
    }
    return [data, layout, { displayModeBar: false, responsive: true, doubleClick: "reset" }];
  }

  function draw(place) {
    if (drawn.has(place)) return;
    const figure = JSON.parse(document.querySelector(`script[data-plot="${place.id}"]`).textContent);
    drawn.set(place, figure);
    Plotly.newPlot(place, ...styled(figure));
  }

  function drawAgain() {
    // From nothing: `react` would leave a colour bar behind where it turns.
    for (const [place, figure] of drawn) Plotly.newPlot(place, ...styled(figure));
  }

  const places = () => document.querySelectorAll(".canvas");
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "800px 0px" });
  function adopt(element) {
    for (const place of drawn.keys()) if (!place.isConnected) drawn.delete(place);
    element.querySelectorAll(".canvas").forEach((place) => seen.observe(place));
  }
  adopt(document);
  globalThis.kresnetFigures = { adopt };
  addEventListener("beforeprint", () => places().forEach(draw));

  const button = document.getElementById("theme");
  function label() {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `Use ${isDark() ? "light" : "dark"} colours`);
  }
  try {
    const kept = localStorage.getItem("kresnet-theme");
    if (kept === "dark" || kept === "light") root.dataset.theme = kept;
  } catch { /* a page on disk may have no storage */ }
  button.hidden = false;
  label();
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("kresnet-theme", root.dataset.theme); } catch { /* see above */ }
    label();
    drawAgain();
  });
  dark.addEventListener("change", () => { label(); drawAgain(); });
  narrow.addEventListener("change", drawAgain);
})();
