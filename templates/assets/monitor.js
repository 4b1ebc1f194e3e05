// What a page does beyond showing itself: ages by the reader's clock, words that explain themselves, the newer page when there is
// one, charts, the table of all files, arrow keys.
// A page is whole without it. Works from disk (no fetch, no module, no worker) and under `script-src 'self'` (no eval).
// Everything others wrote goes in as text, never as markup.
(function () {
  "use strict";

  const page = document.body.dataset;
  const byId = (id) => document.getElementById(id);

  function make(name, text, className) {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    if (className) element.className = className;
    return element;
  }

  // Controls as pictures, what is unseen or turns the direction of writing around by its number: as on the rest of the page.
  function visible(text) {
    return text
      .replace(/[\u0000-\u001f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)))
      .replace(/\u007f/g, "\u2421")
      .replace(/[\u0080-\u009f\ufffe\uffff]|\p{Surrogate}/gu, "\ufffd")
      .replace(/[\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu,
        (c) => "\u27e8U+" + c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0") + "\u27e9");
  }

  // ---------------------------------------------------------------- ages: is this page current?

  const HEARTBEAT_EVERY_MS = 60000;
  const AGES_EVERY_MS = 5000;

  function duration(seconds) {
    const s = Math.round(seconds);
    const two = (n) => String(n).padStart(2, "0");
    if (s < 60) return s + " s";
    if (s < 3600) return Math.floor(s / 60) + " min";
    if (s < 86400) return Math.floor(s / 3600) + " h " + two(Math.floor((s % 3600) / 60)) + " min";
    if (s < 86400 * 730) return Math.floor(s / 86400) + " d";
    return Math.floor(s / (86400 * 365.25)) + " years";
  }

  function age(iso) {
    return (Date.now() - Date.parse(iso)) / 1000;
  }

  function ago(iso) {
    const seconds = age(iso);
    if (seconds < -60) return duration(-seconds) + " ahead of this computer's clock";
    return duration(Math.max(0, seconds)) + " ago";
  }

  function clock(iso) {
    const sameDay = iso.slice(0, 10) === new Date().toISOString().slice(0, 10);
    return (sameDay ? "" : iso.slice(0, 10) + " ") + iso.slice(11, 19);
  }

  function showAges() {
    document.querySelectorAll("time[data-age]").forEach((time) => {
      let note = time.nextElementSibling;
      if (!note || !note.classList.contains("age")) {
        note = make("span", "", "age");
        time.after(", ", note); // the comma stays with the time where the age goes to the next line
      }
      note.textContent = ago(time.dateTime);
    });
  }

  function showHeartbeat() {
    const heartbeat = window.observing_monitor_heartbeat;
    const limit = Number(page.staleAfterS);
    const warning = byId("stale");
    const looked = byId("looked");
    if (!heartbeat) {
      warning.hidden = false;
      warning.textContent = "Nobody knows when the sources were last read: the file heartbeat.js could not be loaded. This page may be out of date.";
      return;
    }
    if (page.stream && !heartbeat.streams[page.stream]) {
      warning.hidden = false;
      warning.textContent = "Nobody looks at this stream any more: the settings no longer name it. This page is as it was left.";
      return;
    }
    const stream = page.stream ? heartbeat.streams[page.stream] : {};
    const read = (page.stream && stream.read_at) || heartbeat.run_at;
    looked.textContent = "Last looked at " + clock(read) + " UTC, " + ago(read);
    const late = age(read) > limit;
    warning.hidden = !late;
    if (late) {
      const text = "Nobody has looked at the sources for " + duration(age(read)) + ": the last time was " + clock(read) + " UTC. This page may be out of date.";
      if (warning.textContent !== text) warning.textContent = text;
    }
    document.querySelectorAll("[data-looked]").forEach((place) => {
      const of = heartbeat.streams[place.dataset.looked];
      if (!of || !of.read_at) return;
      place.textContent = "Last looked at " + clock(of.read_at) + " UTC, " + ago(of.read_at);
      place.classList.toggle("late", age(of.read_at) > limit);
    });
    showSources(stream.sources || {});
  }

  function showSources(sources) {
    document.querySelectorAll("[data-source]").forEach((place) => {
      const source = sources[place.dataset.source];
      if (source && source.answered_at) place.textContent = clock(source.answered_at) + ", " + ago(source.answered_at);
    });
    document.querySelectorAll("[data-fault]").forEach((place) => {
      const source = sources[place.dataset.fault];
      const problem = source && source.problem && visible(source.problem);
      if (problem && !place.textContent.includes(problem)) {
        place.replaceChildren(make("span", problem, "fault"));
      }
    });
  }

  function reloadHeartbeat() {
    const script = make("script");
    script.src = page.root + "heartbeat.js?" + Date.now();
    script.onload = () => { script.remove(); showHeartbeat(); renew(); };
    script.onerror = () => script.remove(); // the old one stays, and grows old
    document.head.append(script);
  }

  // ---------------------------------------------------------------- words that explain themselves, and lead to the glossary

  const CLOSES_AFTER_MS = 200; // time to get with the mouse from a word to what is said of it
  const tip = make("div", undefined, "tip");
  tip.popover = "manual"; // above all else, in no table's way
  let explained = null; // the word that it speaks of …
  let explainedTop = 0; // … and where that was
  let isPointed = false; // a mouse leads to it: what the keyboard opened stays, though a page moves below a mouse at rest
  let pointer = ""; // what the reader last pointed with, "" for the keyboard
  let closing = 0;

  const wordAt = (event) => event.target.closest && event.target.closest(".word");

  function explain(word) {
    clearTimeout(closing);
    if (word === explained || !tip.showPopover) return; // an old browser shows the title itself
    hideTip();
    explained = word;
    word.dataset.meaning = word.dataset.meaning || word.title;
    const more = make("a", "All words");
    more.href = word.dataset.glossary || word.href;
    tip.replaceChildren(word.dataset.meaning + ". ", more);
    (word.closest("main") || document.body).append(tip);
    tip.showPopover();
    const [at, own, room] = [word.getBoundingClientRect(), tip.getBoundingClientRect(), document.documentElement.clientWidth];
    explainedTop = at.top;
    tip.style.left = Math.max(8, Math.min(at.left, room - own.width - 8)) + "px";
    const below = at.bottom + 4;
    tip.style.top = (below + own.height < window.innerHeight || at.top < own.height + 4 ? below : at.top - own.height - 4) + "px";
  }

  function hideTip() {
    clearTimeout(closing);
    if (!explained) return;
    explained.title = explained.dataset.meaning; // what a screen reader says of the word
    explained = null;
    tip.hidePopover();
  }

  document.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "mouse") return;
    const word = wordAt(event);
    if (word) {
      isPointed = true;
      explain(word);
      word.removeAttribute("title"); // or the browser says it, too
    } else if (explained && isPointed) {
      clearTimeout(closing);
      if (!tip.contains(event.target)) closing = setTimeout(hideTip, CLOSES_AFTER_MS);
    }
  });
  document.addEventListener("focusin", (event) => {
    const word = wordAt(event);
    if (word && !pointer) {
      isPointed = false;
      explain(word);
    }
    else if (!word && !tip.contains(event.target)) hideTip();
  });
  document.addEventListener("pointerdown", (event) => {
    pointer = event.pointerType;
    if (!wordAt(event) && !tip.contains(event.target)) hideTip();
  }, true);
  document.addEventListener("click", (event) => {
    const word = wordAt(event);
    if (!word || !pointer || pointer === "mouse" || word === explained) return;
    if (word.href) event.preventDefault(); // the first tap explains, the second one follows the link
    explain(word);
  });
  document.addEventListener("keydown", (event) => {
    pointer = "";
    if (event.key === "Escape") hideTip();
  }, true);
  window.addEventListener("scroll", () => { if (explained && explained.getBoundingClientRect().top !== explainedTop) hideTip(); }, true);
  window.addEventListener("resize", hideTip);

  showAges();
  showHeartbeat();
  setInterval(() => { showAges(); showHeartbeat(); }, AGES_EVERY_MS);
  setInterval(reloadHeartbeat, HEARTBEAT_EVERY_MS);

  // ---------------------------------------------------------------- a newer page: shown where the reader was, and never in the way

  const IN_USE_MS = 3000; // so long after a key or a click nothing is renewed …
  const TYPING_MS = 30000; // … and so long in a field
  const SCROLLS = ".scroll, pre";
  const newer = byId("newer");
  const zooms = {}; // by the chart's id: what the reader looks at more closely
  const kept = (history.state || {}).observing_monitor; // what the page before this one kept of itself
  const runAtOpening = (window.observing_monitor_heartbeat || {}).run_at;
  let restoring = Boolean(kept);
  let lastUsed = 0;

  ["keydown", "input", "pointerdown", "wheel", "touchmove"].forEach((name) => {
    document.addEventListener(name, () => { lastUsed = Date.now(); restoring = false; }, { capture: true, passive: true });
  });

  // The fingerprint of the page that lies where this one was loaded from; none where the heartbeat tells of none that came since.
  function fingerprintThere() {
    const heartbeat = window.observing_monitor_heartbeat;
    if (!heartbeat || heartbeat.run_at === runAtOpening) return null; // this page may have been made by a run that has not ended yet
    const pages = (page.stream ? (heartbeat.streams[page.stream] || {}).pages : heartbeat.pages) || {};
    const nights = Object.keys(pages).filter((name) => /^\d{4}-/.test(name)).sort();
    const isOver = location.search === "?latest" && nights.length && nights[nights.length - 1] > page.page;
    return isOver ? "another night" : pages[page.page];
  }

  function isInUse() {
    const field = document.activeElement && document.activeElement.matches("input, select, textarea");
    return !getSelection().isCollapsed || Date.now() - lastUsed < (field ? TYPING_MS : IN_USE_MS);
  }

  function renew() {
    const there = fingerprintThere();
    if (!there || there === page.madeOf) return;
    if (isInUse() || (kept && kept.wanted === there)) { // or it was asked for already, and an old one came
      if (newer.childElementCount) return;
      const button = make("button", "Show it");
      button.type = "button";
      button.addEventListener("click", () => reload(there));
      newer.replaceChildren("A newer page is there. ", button);
      newer.className = "newer";
      return;
    }
    reload(there);
  }

  function reload(wanted) {
    if (wanted === "another night") {
      location.replace("latest.html");
      return;
    }
    history.scrollRestoration = "manual";
    history.replaceState({ observing_monitor: { wanted: wanted, ...whereReaderIs() } }, "");
    location.reload();
  }

  // All elements that a selector finds, each with a name that it will have in the next page, too.
  function named(selector) {
    const found = new Map();
    document.querySelectorAll(selector).forEach((element) => {
      const around = element.parentElement.closest("[id]");
      const row = element.closest("li, tr");
      const own = (row && row.querySelector("bdi")) || element.querySelector("bdi") || element;
      const label = element.getAttribute("aria-label") || element.getAttribute("href") || own.textContent.slice(0, 80);
      const name = element.id || [around && around.id, element.localName, label].join("|");
      let unique = name;
      for (let nth = 2; found.has(unique); nth += 1) unique = name + "|" + nth;
      found.set(unique, element);
    });
    return found;
  }

  function nameOf(element, selector) {
    const found = [...named(selector)].find(([, one]) => one === element);
    return found && found[0];
  }

  const FOCUSABLE = "a, button, input, select, summary, [tabindex]";

  function whereReaderIs() {
    const marks = [...document.querySelectorAll("main [id]")].filter((mark) => !mark.closest(".plot") && mark.getClientRects().length);
    const top = (mark) => mark.getBoundingClientRect().top;
    const mark = marks.reduce((best, one) => (best && Math.abs(top(best)) <= Math.abs(top(one)) ? best : one), null);
    const field = document.activeElement;
    return {
      scrollY: window.scrollY,
      mark: mark && { id: mark.id, top: top(mark) },
      scrolled: [...named(SCROLLS)].map(([name, box]) => [name, box.scrollLeft, box.scrollTop]).filter(([, left, down]) => left || down),
      open: [...named("details")].map(([name, details]) => [name, details.open]),
      chosen: [...document.querySelectorAll(".tab input:checked")].map((choice) => choice.id),
      focus: field === document.body ? null : nameOf(field, FOCUSABLE),
      caret: field.matches("input[type=search]") ? [field.selectionStart, field.selectionEnd] : null,
      files: Boolean(byId("all-files") && byId("all-files").dataset.ready),
      zooms: zooms,
    };
  }

  function goBack() {
    if (!restoring) return;
    const mark = kept.scrollY > 0 && kept.mark && byId(kept.mark.id); // who was at the top sees what is new on top
    const there = mark && mark.getClientRects().length;
    const boxes = named(SCROLLS);
    kept.scrolled.forEach(([name, left, down]) => { if (boxes.has(name)) boxes.get(name).scrollTo(left, down); });
    window.scrollTo(window.scrollX, there ? window.scrollY + mark.getBoundingClientRect().top - kept.mark.top : kept.scrollY);
    const focus = kept.focus && named(FOCUSABLE).get(kept.focus);
    if (!focus) return;
    focus.focus({ preventScroll: true });
    if (kept.caret) focus.setSelectionRange(...kept.caret);
  }

  function goBackAtFirst() {
    Object.assign(zooms, kept.zooms);
    const all = named("details");
    kept.open.forEach(([name, isOpen]) => { if (all.has(name)) all.get(name).open = isOpen; });
    kept.chosen.map(byId).filter(Boolean).forEach((choice) => { choice.checked = true; });
    goBack();
    window.addEventListener("load", () => {
      goBack();
      history.scrollRestoration = "auto";
      newer.className = "heard";
      newer.textContent = "This page was renewed.";
    });
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden) reloadHeartbeat(); });

  // ---------------------------------------------------------------- arrow keys: the night before, the night after

  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.target.closest("input, select, textarea, .scroll, pre, .plot")) return;
    const way = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
    const link = way && document.querySelector('a[rel="' + way + '"]');
    if (link) link.click();
  });

  // ---------------------------------------------------------------- an address inside what is folded opens it

  function unfold() {
    const target = document.querySelector(":target");
    if (!target) return;
    let opened = false;
    for (let place = target.closest("details"); place; place = place.parentElement.closest("details")) {
      opened = opened || !place.open;
      place.open = true;
    }
    if (opened && !restoring) target.scrollIntoView();
  }

  window.addEventListener("hashchange", unfold);
  window.addEventListener("click", (event) => { // the same address again: no hashchange comes
    if (event.target.closest('a[href^="#"]')) setTimeout(unfold);
  });
  if (restoring) goBackAtFirst();
  else unfold();

  // ---------------------------------------------------------------- charts: drawn when they come near

  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const paper = window.matchMedia("print");
  const drawn = new Set();
  let plotly = null; // the promise of plotly's script: 5 MB, loaded once and only where a chart is looked at

  function loadPlotly() {
    plotly = plotly || new Promise((resolve, reject) => {
      const script = make("script");
      script.src = page.plotly;
      script.onload = resolve;
      script.onerror = () => reject(new Error("the file " + page.plotly + " could not be loaded"));
      document.head.append(script);
    });
    return plotly;
  }

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  }

  function painted(trace) {
    const tone = colour("tone-" + (trace.meta || {}).tone) || colour("text");
    const copy = Object.assign({}, trace, { marker: Object.assign({}, trace.marker, { color: tone }) });
    if (trace.line) copy.line = Object.assign({}, trace.line, { color: tone });
    if (trace.fill) copy.fillcolor = tone + "33"; // #rrggbb and how dense
    return copy;
  }

  function themed(layout) {
    const axis = { gridcolor: colour("line"), linecolor: colour("line"), zerolinecolor: colour("line"), automargin: true };
    const shared = {
      paper_bgcolor: colour("card"), // not transparent: a chart drawn in the dark must be legible on paper
      plot_bgcolor: colour("card"),
      font: { color: colour("text"), family: "system-ui, sans-serif", size: 13 },
      margin: { l: 56, r: 12, t: 8, b: 44 },
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, traceorder: "normal" },
      hoverlabel: { bgcolor: colour("card"), bordercolor: colour("line"), font: { color: colour("text") } },
      hovermode: "closest",
      showlegend: true,
      dragmode: window.matchMedia("(pointer: coarse)").matches ? false : "zoom", // a finger must scroll the page
    };
    const axes = ["xaxis", "xaxis2", "yaxis"].filter((name) => layout[name]);
    const dressed = (own) => Object.assign({}, axis, own, { title: Object.assign({ font: { size: 13 }, standoff: 6 }, own.title) });
    const made = Object.assign(shared, layout, Object.fromEntries(axes.map((name) => [name, dressed(layout[name])])));
    if (layout.xaxis2) { // the legend goes above the second axis
      made.legend = Object.assign({}, shared.legend, { yref: "container", y: 1, yanchor: "top" });
      made.margin = Object.assign({}, shared.margin, { t: made.showlegend ? 76 : 46 });
    }
    if (layout.shapes) made.shapes = layout.shapes.map((shape) => Object.assign({}, shape, { fillcolor: colour("sky-" + shape.name) }));
    return made;
  }

  const MINUTE_MS = 60000;
  const TICK_STEPS_MS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440].map((minutes) => minutes * MINUTE_MS);
  const TICK_WIDTH_PX = 60;

  // The ticks of the axis of local time: round times of the clocks there, also on the night on which these are changed.
  function localTicks(offsets, from, to, width) {
    const step = TICK_STEPS_MS.find((s) => (to - from) / s <= Math.max(2, width / TICK_WIDTH_PX)) || (to - from) / 2;
    const ticks = { tickvals: [], ticktext: [] };
    offsets.forEach(([begins, offset], i) => {
      const start = i ? Math.max(from, begins) : from; // the first holds for all that is earlier, the last for all that is later
      const end = i + 1 < offsets.length ? Math.min(to, offsets[i + 1][0] - 1) : to;
      for (let at = Math.ceil((start + offset) / step) * step - offset; at <= end; at += step) {
        ticks.tickvals.push(at);
        ticks.ticktext.push(new Date(at + offset).toISOString().slice(11, 16));
      }
    });
    return ticks;
  }

  function inMilliseconds(at) { // plotly's own dates are UTC, but don't say so
    return typeof at === "number" ? at : Date.parse(at.replace(" ", "T") + (at.length > 10 ? "Z" : ""));
  }

  function withLocalTime(place, layout) {
    if (!layout.xaxis2) return layout;
    Object.assign(layout.xaxis2, localTicks(layout.meta.local_time, ...layout.xaxis2.range.map(inMilliseconds), place.clientWidth));
    return layout;
  }

  function zoomed(place, event) {
    const names = ["xaxis", "yaxis"].filter((axis) => axis + ".range[0]" in event);
    const whole = ["xaxis", "yaxis"].some((axis) => axis + ".autorange" in event);
    if (names.length) zooms[place.dataset.figure] = Object.fromEntries(names.map((axis) => [axis, place.layout[axis].range.slice()]));
    else if (whole) delete zooms[place.dataset.figure];
    if (!place.layout.xaxis2 || !Object.keys(event).some((key) => key.startsWith("xaxis.") || key === "autosize")) return;
    const range = place.layout.xaxis.range.map(inMilliseconds);
    const ticks = localTicks(place.layout.meta.local_time, ...range, place.clientWidth);
    window.Plotly.relayout(place, { "xaxis2.tickvals": ticks.tickvals, "xaxis2.ticktext": ticks.ticktext });
  }

  function draw(place) {
    const figure = JSON.parse(byId(place.dataset.figure).textContent);
    const buttons = [["zoom2d", "pan2d", "resetScale2d", "toImage"]]; // no other: plotly's own list can send a chart to its makers
    const options = { responsive: true, displaylogo: false, modeBarButtons: buttons };
    const zoom = zooms[place.dataset.figure];
    const layout = withLocalTime(place, themed(figure.layout));
    if (paper.matches) layout.width = place.clientWidth; // the paper's: nothing else tells plotly of it in time
    if (zoom) Object.keys(zoom).forEach((axis) => { layout[axis] = Object.assign({}, layout[axis], { range: zoom[axis], autorange: false }); });
    return window.Plotly.react(place, figure.data.map(painted), layout, options).then(() => {
      if (!drawn.has(place)) {
        place.on("plotly_click", follow);
        place.on("plotly_relayout", (event) => zoomed(place, event));
        place.on("plotly_doubleclick", () => { delete zooms[place.dataset.figure]; });
      }
      drawn.add(place);
      place.dataset.drawn = "yes";
    });
  }

  // A click on a night opens its page; one on a point in the night shows the files that the point stands for.
  function follow(event) {
    const point = event.points[0];
    if (/^\d{4}-\d\d-\d\d\.html$/.test(point.customdata)) window.location.href = point.customdata;
    const { by, bin_ms: width } = point.data.meta;
    if (!by || !byId("all-files")) return;
    const at = point.data.x[point.pointIndex];
    const from = width ? at - width / 2 : point.pointIndex ? point.data.x[point.pointIndex - 1] : at;
    const iso = (ms) => new Date(ms).toISOString().slice(0, 19) + "Z";
    window.location.hash = "#files?" + new URLSearchParams({ by: by, from: iso(from), to: iso(width ? at + width / 2 - 1 : at) });
  }

  // Charts are drawn one by one, each in a turn of its own, so that a key or a press waits for one of them at most; and after the
  // list of all files where that is asked for.
  let lastDrawn = Promise.resolve();
  let opening = null; // the promise of that list
  const turn = () => new Promise((resolve) => setTimeout(resolve));

  const nearby = new IntersectionObserver((entries) => {
    entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
      nearby.unobserve(entry.target);
      lastDrawn = lastDrawn.then(loadPlotly).then(turn).then(() => opening).then(() => draw(entry.target)).catch((error) => {
        entry.target.textContent = "This chart cannot be drawn: " + error.message;
      });
    });
  }, { rootMargin: "400px" });
  document.querySelectorAll(".plot").forEach((place) => nearby.observe(place));
  [dark, paper].forEach((media) => media.addEventListener("change", () => drawn.forEach(draw)));

  // ---------------------------------------------------------------- all files: a table of which only what is seen is made

  const section = byId("all-files");
  if (!section) return;

  const MAX_HEIGHT_PX = 15000000; // browsers clamp elements a little above
  const OPEN_BY_ITSELF = 20000; // up to as many files the table opens when it is scrolled to
  const SPARE_ROWS = 3; // above those that are seen, and twice as many below: each costs a keystroke a millisecond
  const scroller = byId("files-scroll");
  const search = byId("files-search");
  const choice = byId("files-class");
  const exposure = byId("files-exposure");
  const stage = byId("files-stage");
  const between = byId("files-between"); // says which span of time a click on a chart asked for; a press shows all again
  const shownCount = byId("files-shown");
  const head = scroller.querySelector("thead");
  const body = scroller.querySelector("tbody");

  let table = null; // {n, columns}
  let index = []; // per row its searched text, until all are there and become …
  let haystack = null; // … one text of all rows, each with an end of line before the next
  let starts = null; // where each row begins in it, and where the last ends
  let order = null; // all rows, sorted
  let passed = []; // those of them that pass the filters
  let asked = null; // what was asked for when `passed` was made; null: nothing that can be built on
  let shown = []; // those of them for which there is room
  let sorting = { name: "", down: false };
  let time = null; // {by, from, to}: only files with an instant of that span, in seconds since 1970
  let rowHeight = 28;
  let firstDrawn = -1;

  function unpack(payload) {
    const binary = atob(payload);
    const bytes = new Uint8Array(binary.length);
    for (let i = 0; i < bytes.length; i += 1) bytes[i] = binary.charCodeAt(i); // from() with a function takes ten times as long
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text().then((text) => {
      const all = JSON.parse(text);
      for (const column of all.columns) {
        if (column.codes) addUp(column.codes);
        if (column.kind === "int" || column.kind === "instant") addUp(column.values);
      }
      return all;
    });
  }

  // From the steps between the numbers that are there to the numbers.
  function addUp(steps) {
    let sum = 0;
    for (let row = 0; row < steps.length; row += 1) if (steps[row] !== null) steps[row] = sum += steps[row];
  }

  function instant(seconds) {
    return new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ");
  }

  function size(bytes) {
    const units = ["bytes", "kB", "MB", "GB", "TB"];
    let unit = 0;
    while (bytes >= 999.95 && unit < units.length - 1) { bytes /= 1000; unit += 1; }
    return (unit ? bytes.toFixed(1) : bytes) + " " + units[unit];
  }

  // Per kind of column: the text of a row's cell, "" where there is none.
  const TEXTS = {
    path: (column, row) => column.words[column.codes[row]] + column.values[row],
    word: (column, row) => (column.codes[row] < 0 ? "" : column.words[column.codes[row]]),
    int: (column, row) => (column.values[row] === null ? "" : String(column.values[row])),
    bytes: (column, row) => (column.values[row] === null ? "" : size(column.values[row])),
    instant: (column, row) => (column.values[row] === null ? "" : instant(column.zero + column.values[row])),
  };

  function text(column, row) {
    return TEXTS[column.kind](column, row);
  }

  let classLabels = null; // a class's word, as the filter's list has it

  function labelled(column, row) {
    const plain = text(column, row);
    if (column.name !== "file_class") return plain;
    classLabels = classLabels || new Map(Array.from(choice.options, (option) => [option.value, option.dataset.label]));
    return classLabels.get(plain) || plain;
  }

  function isEmpty(column) {
    return (column.codes && column.kind === "word") ? column.words.length === 0 : column.values.every((v) => v === null);
  }

  function buildIndexUntil(row) {
    if (haystack !== null) return;
    const columns = table.columns.filter((column) => column.kind === "path" || (column.kind === "word" && column.name !== "file_class"));
    for (let i = index.length; i < Math.min(row, table.n); i += 1) {
      let words = "";
      for (const column of columns) {
        const word = text(column, i);
        if (!words.includes(word)) words += (words && "\n") + word; // a path mostly has the other names in it
      }
      index.push(words);
    }
    if (index.length < table.n) return;
    haystack = index.join("\n") + "\n";
    starts = new Int32Array(table.n + 1);
    for (let i = 0; i < table.n; i += 1) starts[i + 1] = starts[i] + index[i].length + 1;
    index = [];
  }

  const looked = new Map(); // the terms of the last keystrokes: of two words one mostly stays

  // Per row 1 where its text has the term, in any case; the term has no space in it. One search through one text skips what can't
  // match, where a look at each of 200,000 texts does not; and a compiled expression looks at a third of the characters that
  // indexOf does, which stops at each that is like the term's first ("000123" among numbers).
  function rowsWith(term) {
    if (looked.has(term)) return looked.get(term);
    if (looked.size > 20) looked.clear();
    const found = new Uint8Array(table.n);
    looked.set(term, found);
    const wanted = new RegExp(term.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "gi");
    for (let row = 0; wanted.test(haystack); ) {
      while (starts[row + 1] < wanted.lastIndex) row += 1;
      found[row] = 1;
      row += 1;
      wanted.lastIndex = starts[row];
    }
    return found;
  }

  function buildIndexInIdleTime() {
    const idle = window.requestIdleCallback || ((work) => setTimeout(work, 1));
    buildIndexUntil(index.length + 5000);
    if (haystack === null) idle(buildIndexInIdleTime);
  }

  function compareTexts(a, b) {
    return a < b ? -1 : a > b ? 1 : 0;
  }

  const collator = new Intl.Collator("en", { numeric: true });

  // Where each word of a column comes in the order of all its words.
  function ranks(words) {
    const rank = new Array(words.length);
    words.map((_, code) => code).sort((a, b) => collator.compare(words[a], words[b])).forEach((code, i) => { rank[code] = i; });
    return rank;
  }

  function sort() {
    asked = null;
    order = new Int32Array(table.n).map((_, row) => row);
    const column = table.columns.find((c) => c.name === sorting.name);
    if (!column) return;
    const rank = column.words && ranks(column.words);
    const key = rank ? (row) => (column.codes[row] < 0 ? null : rank[column.codes[row]]) : (row) => column.values[row];
    const turn = sorting.down ? -1 : 1;
    const keys = Float64Array.from(order, (row) => turn * (key(row) ?? turn * Infinity)); // none comes last
    const names = column.kind === "path" ? column.values : null;
    const tie = names ? (a, b) => turn * compareTexts(names[a], names[b]) : () => 0;
    order.sort((a, b) => (keys[a] === keys[b] ? tie(a, b) : keys[a] - keys[b])); // stable: what is alike stays as it was
  }

  const columnOf = (name) => table.columns.find((column) => column.name === name);

  // The first instant that is known of a row, of several columns; null where none is.
  function firstKnown(columns, row) {
    const known = columns.find((column) => column.values[row] !== null);
    return known ? known.zero + known.values[row] : null;
  }

  // A test of rows for each filter that is set, but for the search's words.
  function tests() {
    const made = [];
    const classes = columnOf("file_class");
    if (choice.value) {
      const wanted = classes.words.indexOf(choice.value);
      made.push((row) => classes.codes[row] === wanted);
    }
    if (stage.value) {
      const [outcome, name] = stage.value.split(":");
      const column = columnOf(name); // a column in which nothing is known is not there
      made.push((row) => (outcome === "done") === Boolean(column && column.values[row] !== null));
    }
    const told = exposure.value.trim().toLowerCase();
    if (told) {
      const numbers = columnOf("seq_num");
      const words = ["exposure", "obsid"].map(columnOf).filter(Boolean);
      const codes = words.map((column) => column.words.findIndex((word) => word.toLowerCase() === told));
      const number = numbers && /^\d+$/.test(told) ? Number(told) : NaN;
      const isNamed = (row) => words.some((column, i) => codes[i] >= 0 && column.codes[row] === codes[i]);
      made.push((row) => isNamed(row) || (number >= 0 && numbers.values[row] === number));
    }
    if (time) {
      const columns = time.by.split(",").map(columnOf).filter((column) => column && column.kind === "instant");
      made.push((row) => {
        const at = firstKnown(columns, row);
        return at !== null && at >= time.from && at <= time.to;
      });
    }
    return made;
  }

  // The rows that pass a test, in their order. A loop over plain numbers: this is what a keystroke waits for.
  function passing(rows, test) {
    const found = new Int32Array(rows.length);
    let n = 0;
    for (let i = 0; i < rows.length; i += 1) if (test(rows[i])) found[n++] = rows[i];
    return found.subarray(0, n);
  }

  function filter() {
    const terms = search.value.split(/\s+/).filter(Boolean);
    const chosen = tests();
    const wanted = JSON.stringify([choice.value, stage.value, exposure.value, time]);
    if (terms.length) buildIndexUntil(table.n);
    // One more letter can only take rows away: what passed before is all there is to look at.
    const among = asked && asked.wanted === wanted && search.value.startsWith(asked.query) ? passed : order;
    passed = [...chosen, ...terms.map(rowsWith).map((found) => (row) => found[row] === 1)].reduce(passing, among);
    asked = { query: search.value, wanted: wanted };
    showTime();
    const room = Math.floor(MAX_HEIGHT_PX / rowHeight);
    const cut = passed.length > room ? ", of which the first " + room.toLocaleString("en") + " fit here" : "";
    shownCount.textContent = passed.length.toLocaleString("en") + " of " + table.n.toLocaleString("en") + (table.n === 1 ? " file" : " files") + cut;
    shown = passed.subarray(0, room);
    scroller.querySelector("table").setAttribute("aria-rowcount", shown.length + 1);
    firstDrawn = -1;
    scroller.scrollTop = 0;
    drawRows();
  }

  function showTime() {
    between.hidden = !time;
    if (!time) return;
    const column = columnOf(time.by.split(",")[0]);
    const label = column ? column.label : time.by;
    const [from, to] = [instant(time.from), instant(time.to)];
    between.textContent = label + " " + from + " to " + (from.slice(0, 10) === to.slice(0, 10) ? to.slice(11) : to) + " UTC ✕";
    between.setAttribute("aria-label", between.textContent.slice(0, -1) + ": show all times");
  }

  // Which stages a row can have passed, or not: as many as there are columns of instants but for the file's creation.
  function offerStages() {
    const offered = table.columns.filter((column) => column.kind === "instant" && column.name !== "created_at");
    offered.forEach((column) => ["done", "not"].forEach((outcome) => {
      const option = make("option", (outcome === "done" ? "" : "not ") + column.label.toLowerCase());
      option.value = outcome + ":" + column.name;
      stage.append(option);
    }));
    stage.parentElement.hidden = !offered.length;
    exposure.parentElement.hidden = !["exposure", "obsid", "seq_num"].some(columnOf);
  }

  function spacer() {
    const row = make("tr", undefined, "spacer");
    row.setAttribute("aria-hidden", "true");
    return row;
  }

  const STYLES = { path: "path", word: "", int: "num", bytes: "num", instant: "num" };

  // A row of the table that shows any file: `fill` says which. What is laid out already and shows the same text stays as it is,
  // for to make cells anew is what would take longest of a keystroke.
  function makeRow() {
    const row = make("tr");
    const cells = table.columns.map((column) => {
      const cell = make(column.kind === "path" ? "th" : "td", undefined, STYLES[column.kind]);
      if (column.kind === "path") cell.scope = "row";
      const inner = make(column.name === "file_class" ? "span" : "bdi", "");
      cell.append(inner);
      row.append(cell);
      return { column: column, cell: cell, inner: inner, text: document.createTextNode("") };
    });
    cells.forEach((made) => made.inner.append(made.text));
    return { row: row, cells: cells };
  }

  function fill(made, position) {
    made.row.setAttribute("aria-rowindex", position + 2);
    for (const { column, cell, inner, text: node } of made.cells) {
      const shownText = visible(labelled(column, shown[position]));
      if (node.data === (shownText || "–")) continue;
      node.data = shownText || "–";
      if (column.name === "file_class") inner.className = "chip " + text(column, shown[position]).replace(/[^a-z_]/g, "");
      if (shownText.length > 30) cell.title = shownText;
      else cell.removeAttribute("title");
    }
  }

  const above = spacer();
  const below = spacer();
  let made = []; // the rows between them

  function drawRows() {
    const first = Math.max(0, Math.floor(scroller.scrollTop / rowHeight) - SPARE_ROWS);
    if (Math.abs(first - firstDrawn) < SPARE_ROWS / 2 && firstDrawn >= 0 && first !== 0) return;
    firstDrawn = first;
    const last = Math.min(shown.length, first + Math.ceil(scroller.clientHeight / rowHeight) + 3 * SPARE_ROWS);
    if (!above.isConnected) body.replaceChildren(above, below);
    while (made.length > last - first) made.pop().row.remove();
    while (made.length < last - first) {
      made.push(makeRow());
      below.before(made[made.length - 1].row);
    }
    made.forEach((row, i) => fill(row, first + i));
    above.style.height = first * rowHeight + "px";
    below.style.height = (shown.length - last) * rowHeight + "px";
  }

  function drawHead() {
    const row = make("tr");
    const widths = make("colgroup");
    table.columns.forEach((column) => {
      const title = make("th");
      title.scope = "col";
      if (STYLES[column.kind] === "num") title.className = "num";
      const button = make("button", column.label, "word");
      button.type = "button";
      button.title = column.meaning;
      button.dataset.glossary = page.root + "glossary.html#" + column.anchor;
      button.addEventListener("click", () => {
        sorting = { name: column.name, down: sorting.name === column.name && !sorting.down };
        update(true);
      });
      title.append(button);
      row.append(title);
      const col = make("col");
      col.style.width = width(column) + "ch";
      widths.append(col);
    });
    head.replaceChildren(row);
    scroller.querySelectorAll("colgroup").forEach((old) => old.remove());
    head.before(widths);
  }

  // Widths stand still while rows come and go: by the longest text, within limits.
  function width(column) {
    const longest = (texts) => texts.reduce((most, t) => Math.max(most, t.length), 0);
    const least = column.label.length + 4;
    if (column.kind === "instant") return 20;
    if (column.kind === "bytes" || column.kind === "int") return Math.max(least, 10);
    const most = column.kind === "path" ? longest(column.words) + longest(column.values) : longest(column.words);
    return Math.min(Math.max(least, Math.round(most * 0.9) + 4), 56);
  }

  function showSorting() {
    [...head.querySelectorAll("th")].forEach((title, i) => {
      const isIt = table.columns[i].name === sorting.name;
      title.setAttribute("aria-sort", isIt ? (sorting.down ? "descending" : "ascending") : "none");
    });
  }

  // The filter is part of the address, so that it can be sent to a colleague: #files?class=failed&q=r22
  function writeAddress() {
    const state = new URLSearchParams();
    if (choice.value) state.set("class", choice.value);
    if (stage.value) state.set("stage", stage.value);
    if (exposure.value) state.set("exposure", exposure.value);
    if (time) Object.entries({ by: time.by, from: zulu(time.from), to: zulu(time.to) }).forEach(([key, value]) => state.set(key, value));
    if (search.value) state.set("q", search.value);
    if (sorting.name) state.set("sort", (sorting.down ? "-" : "") + sorting.name);
    history.replaceState(null, "", "#files" + (state.size ? "?" + state : ""));
  }

  function zulu(seconds) {
    return instant(seconds).replace(" ", "T") + "Z";
  }

  function readAddress() {
    const state = new URLSearchParams(location.hash.slice("#files?".length));
    choice.value = state.get("class") || "";
    if (choice.selectedIndex < 0) choice.value = "";
    stage.value = state.get("stage") || "";
    if (stage.selectedIndex < 0) stage.value = "";
    exposure.value = state.get("exposure") || "";
    const [from, to] = ["from", "to"].map((key) => Math.floor(Date.parse(state.get(key)) / 1000));
    time = state.get("by") && from <= to ? { by: state.get("by"), from: from, to: to } : null;
    search.value = state.get("q") || "";
    const by = state.get("sort") || "";
    sorting = { name: by.replace(/^-/, ""), down: by.startsWith("-") };
  }

  function update(isSorted) {
    if (isSorted) { sort(); showSorting(); }
    filter();
    writeAddress();
  }

  function csv() {
    const quoted = (t) => (/[",\r\n]/.test(t) ? '"' + t.replace(/"/g, '""') + '"' : t);
    const plain = (column, row) => (column.kind === "bytes" ? String(column.values[row] ?? "") : text(column, row));
    const lines = Array.from(passed, (row) => table.columns.map((column) => quoted(plain(column, row))).join(","));
    return [table.columns.map((column) => column.name).join(","), ...lines].join("\r\n") + "\r\n";
  }

  function saveCsv() {
    const link = make("a");
    link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
    link.download = document.title.replace(/[^\w-]+/g, "_").replace(/^_/, "") + ".csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  function open() {
    opening = opening || new Promise((resolve, reject) => {
      window.observing_monitor_rows = (payload) => unpack(payload).then(resolve, reject);
      const script = make("script");
      script.src = section.dataset.files;
      script.onerror = () => reject(new Error("the file " + section.dataset.files.split("?")[0] + " could not be loaded"));
      document.head.append(script);
    }).then((read) => {
      table = read;
      table.columns = table.columns.filter((column) => column.name === "path" || !isEmpty(column));
      byId("files-table").hidden = false;
      byId("files-open").parentElement.hidden = true;
      rowHeight = parseFloat(getComputedStyle(scroller).getPropertyValue("--row")) || rowHeight;
      drawHead();
      offerStages();
      sort();
      showSorting();
      filter();
      scroller.style.minHeight = scroller.offsetHeight + "px"; // what lies below stays where it is when rows go
      firstDrawn = -1; // the first rows gave it its height: now it is known how many are seen
      drawRows();
      section.dataset.ready = "yes";
      if (restoring) goBack();
      setTimeout(buildIndexInIdleTime, 50);
    }).catch((error) => {
      byId("files-open").parentElement.textContent = "The table cannot be shown: " + error.message;
    });
    return opening;
  }

  function openAsAddressed() {
    if (!/^#files\?/.test(location.hash)) return;
    open().then(() => {
      if (!table) return;
      readAddress();
      sort();
      showSorting();
      filter();
      if (restoring) goBack();
      else byId("files").scrollIntoView();
    });
  }

  byId("files-open").parentElement.hidden = false;
  byId("files-open").addEventListener("click", open);
  byId("files-csv").addEventListener("click", saveCsv);
  byId("files-table").querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  search.addEventListener("input", () => update(false));
  exposure.addEventListener("input", () => update(false));
  [choice, stage].forEach((list) => list.addEventListener("change", () => update(false)));
  between.addEventListener("click", () => { time = null; update(false); search.focus(); });
  let drawing = 0;
  scroller.addEventListener("scroll", () => {
    cancelAnimationFrame(drawing);
    drawing = requestAnimationFrame(() => table && drawRows());
  });
  window.addEventListener("resize", () => { // more of them may be seen now
    firstDrawn = -1;
    if (table) drawRows();
  });
  window.addEventListener("hashchange", openAsAddressed);
  if (Number(section.dataset.n) <= OPEN_BY_ITSELF) {
    const waiting = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) { waiting.disconnect(); open(); }
    }, { rootMargin: "200px" });
    waiting.observe(section);
  }
  openAsAddressed();
  if (restoring && kept.files) open();
})();
