// Sends a photo as soon as it is taken, made smaller first, and shows what is said of it.
"use strict";
(() => {
  const SIDE = 1600, QUALITY = 0.92, TIMEOUT_MS = 120000;
  const main = document.getElementById("main");

  // The picture upright, at most SIDE pixels; nothing else of the file (place, time) is sent.
  async function smaller(file) {
    try {
      const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
      const scale = Math.min(1, SIDE / Math.max(picture.width, picture.height));
      const canvas = document.createElement("canvas");
      canvas.width = Math.round(picture.width * scale);
      canvas.height = Math.round(picture.height * scale);
      canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
      picture.close();
      const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
      return blob || file;
    } catch {
      return file; // the box says what is wrong with it
    }
  }

  async function send(form, file) {
    const said = document.getElementById("said");
    const field = form.elements.photo;
    said.textContent = form.dataset.wait;
    field.disabled = true;
    try {
      const body = new FormData();
      body.append("csrf", form.elements.csrf.value);
      body.append("photo", await smaller(file), "photo");
      const answer = await fetch(form.action, { method: "POST", body, signal: AbortSignal.timeout ? AbortSignal.timeout(TIMEOUT_MS) : undefined });
      if (answer.redirected) return location.replace(answer.url);
      if (answer.status === 404 || answer.status === 400) return location.reload();
      if (!answer.ok) throw new Error(String(answer.status));
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("main");
      main.replaceChildren(...fresh.childNodes);
      main.querySelector("#said")?.scrollIntoView({ block: "nearest" });
    } catch {
      said.textContent = form.dataset.away;
      field.disabled = false;
      form.reset();
    }
  }

  main.addEventListener("change", (event) => {
    const file = event.target.files?.[0];
    if (file) send(event.target.form, file);
  });
})();
