// Browsers start no worker from file://. There, run a worker's script in a hidden frame, so that search works from disk.
"use strict";

if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      const inside = this.frame.contentWindow;
      inside.document.open();
      inside.document.write(`<!doctype html><script src="${url}"></script>`);
      inside.document.close();
      // what the script posts goes to whoever listens to this worker
      inside.postMessage = (data) => {
        const message = new MessageEvent("message", { data });
        this.dispatchEvent(message);
        if (this.onmessage) {
          this.onmessage(message);
        }
      };
      this.loaded = new Promise((resolve) => this.frame.addEventListener("load", resolve));
    }

    postMessage(data) {
      this.loaded.then(() => {
        const inside = this.frame.contentWindow;
        inside.dispatchEvent(new inside.MessageEvent("message", { data }));
      });
    }

    terminate() {
      this.frame.remove();
    }
  };
}
