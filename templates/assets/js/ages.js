// How long ago each time on the page was, by the reader's clock.

/**
 * Return a duration in words.
 * @param {number} seconds
 */
function duration(seconds) {
  const s = Math.round(seconds);
  const minutes = String(Math.floor((s % 3600) / 60)).padStart(2, "0");
  if (s < 60) return s + " s";
  if (s < 3600) return Math.floor(s / 60) + " min";
  if (s < 86400) return Math.floor(s / 3600) + " h " + minutes + " min";
  if (s < 86400 * 730) return Math.floor(s / 86400) + " d";
  return Math.floor(s / (86400 * 365.25)) + " years";
}

/**
 * Return the age of an instant in seconds.
 * @param {string} iso
 */
function age(iso) {
  return (Date.now() - Date.parse(iso)) / 1000;
}

const AHEAD_S = 60; // clocks may differ by so much

/**
 * True if an instant is in the future, by the reader's clock.
 * @param {number} ms since 1970
 */
function isAhead(ms) {
  return ms > Date.now() + AHEAD_S * 1000;
}

/**
 * Return the age of an instant in words.
 * @param {string} iso
 */
function ago(iso) {
  const seconds = age(iso);
  if (seconds < -AHEAD_S) return duration(-seconds) + " ahead of this computer's clock";
  return duration(Math.max(0, seconds)) + " ago";
}

/**
 * Return the UTC time of an instant, with its date unless that is today.
 * @param {string} iso
 */
function clock(iso) {
  const isToday = iso.slice(0, 10) === new Date().toISOString().slice(0, 10);
  return (isToday ? "" : iso.slice(0, 10) + " ") + iso.slice(11, 19);
}

function showAges() {
  /** @type {NodeListOf<HTMLTimeElement>} */
  const times = document.querySelectorAll("time[data-age]");
  times.forEach((time) => {
    let note = time.nextElementSibling;
    if (!note || !note.classList.contains("age")) {
      note = make("span", "", "age");
      time.after(", ", note); // the comma stays with the time if the age goes to the next line
    }
    note.textContent = ago(time.dateTime);
  });
}

function futureNote() {
  return make("span", "in the future", "future");
}

/** Label the times in the future, except those with an age and the end of a night. */
function labelFuture() {
  /** @type {NodeListOf<HTMLTimeElement>} */
  const times = document.querySelectorAll("time:not([data-age], [data-end])");
  times.forEach((time) => {
    if (isAhead(Date.parse(time.dateTime))) time.after(" ", futureNote());
  });
  // cells of exposures are plain text, without the year if it is the night's
  const year = page.name.slice(0, 5);
  const limit = new Date(Date.now() + AHEAD_S * 1000).toISOString().slice(0, 19).replace("T", " ");
  all(".exposures td").forEach((cell) => {
    const text = cell.textContent || "";
    if (!/^(\d{4}-)?\d\d-\d\d \d\d:\d\d:\d\d$/.test(text)) return;
    if ((text.length < 19 ? year : "") + text > limit) {
      cell.append(" ", futureNote());
    }
  });
}
