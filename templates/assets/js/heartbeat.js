// When the sources were last read, from heartbeat.js, and the warning on a page out of date.

const HEARTBEAT_EVERY_MS = 60000;
const AGES_EVERY_MS = 5000;

/**
 * @typedef {object} SourceBeat
 * @property {string | null} answered_at
 * @property {string | null} problem
 */

/**
 * @typedef {object} StreamBeat
 * @property {string} [read_at]
 * @property {Record<string, SourceBeat>} [sources]
 * @property {Record<string, string>} [pages] fingerprints of the newest pages, by name
 */

/**
 * @typedef {object} Heartbeat
 * @property {string | null} run_at when a run last read the sources
 * @property {string} [written_at] when a run last wrote pages
 * @property {Record<string, StreamBeat>} streams
 * @property {Record<string, string>} [pages] those of the site
 */

/**
 * Show a warning at the top of the page, or none.
 * @param {string} text
 */
function warn(text) {
  const warning = required("stale", HTMLElement);
  warning.hidden = !text;
  // a screen reader announces each change
  if (text && warning.textContent !== text) warning.textContent = text;
}

/** @param {string} at */
function lastUpdate(at) {
  return "Last update " + clock(at) + " UTC, " + ago(at);
}

function showHeartbeat() {
  const heartbeat = window.observing_monitor_heartbeat;
  if (!heartbeat) {
    warn("The time of the last update is not known: heartbeat.js could not be loaded. "
      + "This page may be out of date.");
    return;
  }
  const stream = page.stream ? heartbeat.streams[page.stream] : {};
  if (!stream) {
    warn("This stream is no longer monitored: it is not in the settings any more. "
      + "This page is not updated.");
    return;
  }
  const read = stream.read_at || heartbeat.run_at;
  if (!read) {
    required("looked", HTMLElement).textContent = "The sources have not been read yet";
    warn("The sources have not been read yet. This page may be out of date.");
    return;
  }
  required("looked", HTMLElement).textContent = lastUpdate(read);
  warn(age(read) <= page.staleAfterS ? "" : "Not updated for " + duration(age(read))
    + " (last run " + clock(read) + " UTC). This page may be out of date.");
  all("[data-looked]").forEach((place) => {
    const at = (heartbeat.streams[place.dataset.looked || ""] || {}).read_at;
    if (!at) return;
    place.textContent = lastUpdate(at);
    place.classList.toggle("late", age(at) > page.staleAfterS);
  });
  showSources(stream.sources || {});
}

/** @param {Record<string, SourceBeat>} sources */
function showSources(sources) {
  all("[data-source]").forEach((place) => {
    const at = (sources[place.dataset.source || ""] || {}).answered_at;
    if (at) place.textContent = clock(at) + ", " + ago(at);
  });
  all("[data-fault]").forEach((place) => {
    const problem = visible((sources[place.dataset.fault || ""] || {}).problem || "");
    if (problem && !(place.textContent || "").includes(problem)) {
      place.replaceChildren(make("span", problem, "fault"));
    }
  });
}

function reloadHeartbeat() {
  const script = make("script");
  script.src = page.root + "heartbeat.js?" + Date.now();
  script.onload = () => {
    script.remove();
    showHeartbeat();
    renewIfNewer();
  };
  script.onerror = () => script.remove(); // the last one stays, and grows old
  document.head.append(script);
}

function startHeartbeat() {
  showAges();
  showQuiet();
  showHeartbeat();
  setInterval(() => {
    showAges();
    showQuiet();
    showHeartbeat();
  }, AGES_EVERY_MS);
  setInterval(reloadHeartbeat, HEARTBEAT_EVERY_MS);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) reloadHeartbeat();
  });
}
