// Explanations of words: shown on hover, focus or a first tap, with a link to the glossary.

const TIP_CLOSES_AFTER_MS = 200; // time for the mouse to reach the explanation

class Tip {
  constructor() {
    this.box = make("div", undefined, "tip");
    this.box.popover = "manual"; // above everything, so it moves no table
    /** @type {HTMLElement | null} */
    this.word = null;
    this.wordTop = 0; // where the word was when its explanation opened
    this.closing = 0; // timer
  }

  /** @param {HTMLElement} word */
  show(word) {
    clearTimeout(this.closing);
    if (word === this.word || !this.box.showPopover) return; // an old browser shows the title
    this.hide();
    this.word = word;
    word.dataset.meaning = word.dataset.meaning || word.title;
    const more = make("a", "Glossary");
    more.href = word.dataset.glossary || word.getAttribute("href") || "";
    this.box.replaceChildren(word.dataset.meaning + ". ", more);
    (word.closest("main") || document.body).append(this.box);
    this.box.showPopover();
    this.place(word);
  }

  /**
   * Put the explanation below its word, or above it if there is no room below.
   * @param {HTMLElement} word
   */
  place(word) {
    const at = word.getBoundingClientRect();
    const own = this.box.getBoundingClientRect();
    const room = document.documentElement.clientWidth;
    this.wordTop = at.top;
    const below = at.bottom + 4;
    const fits = below + own.height < window.innerHeight || at.top < own.height + 4;
    this.box.style.left = Math.max(8, Math.min(at.left, room - own.width - 8)) + "px";
    this.box.style.top = (fits ? below : at.top - own.height - 4) + "px";
  }

  hide() {
    clearTimeout(this.closing);
    if (!this.word) return;
    this.word.title = this.word.dataset.meaning || ""; // screen readers say the title
    this.word = null;
    this.box.hidePopover();
  }

  hideSoon() {
    clearTimeout(this.closing);
    this.closing = setTimeout(() => this.hide(), TIP_CLOSES_AFTER_MS);
  }

  /** @param {Event} event */
  has(event) {
    return event.target instanceof Node && this.box.contains(event.target);
  }

  hideIfMoved() {
    if (this.word && this.word.getBoundingClientRect().top !== this.wordTop) this.hide();
  }
}

function startTips() {
  const tip = new Tip();
  let byMouse = false; // a tip opened by keyboard stays if the page moves under a resting mouse
  let pointer = ""; // type of the last pointer used; "" for the keyboard
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "mouse") return;
    const word = target(event, ".word");
    if (word) {
      byMouse = true;
      tip.show(word);
      word.removeAttribute("title"); // or the browser shows it as well
    } else if (tip.word && byMouse) {
      if (tip.has(event)) clearTimeout(tip.closing);
      else tip.hideSoon();
    }
  });
  document.addEventListener("focusin", (event) => {
    const word = target(event, ".word");
    if (word && !pointer) {
      byMouse = false;
      tip.show(word);
    } else if (!word && !tip.has(event)) tip.hide();
  });
  document.addEventListener("pointerdown", (event) => {
    pointer = event.pointerType;
    if (!target(event, ".word") && !tip.has(event)) tip.hide();
  }, true);
  document.addEventListener("click", (event) => {
    const word = target(event, ".word");
    if (!word || !pointer || pointer === "mouse" || word === tip.word) return;
    if (word.hasAttribute("href")) event.preventDefault(); // the second tap follows the link
    tip.show(word);
  });
  document.addEventListener("keydown", (event) => {
    pointer = "";
    if (event.key === "Escape") tip.hide();
  }, true);
  window.addEventListener("scroll", () => tip.hideIfMoved(), true);
  window.addEventListener("resize", () => tip.hide());
}
