// Reads a guest's code with the phone's camera. What the camera sees is looked at here and goes
// nowhere; what reads it is fetched only when somebody scans.
"use strict";
(() => {
  const dialog = document.getElementById("scanner");
  if (!dialog || !navigator.mediaDevices?.getUserMedia) return;
  document.documentElement.classList.add("can-scan");
  const video = dialog.querySelector("video"), said = document.getElementById("scan-said");
  const EVERY_MS = 120, SIDE_MAX = 720, CODE = /^(\d{6}|\d{10})$/;
  let stream = null, timer = 0;

  function say(word) {
    if (said.textContent !== dialog.dataset[word]) said.textContent = dialog.dataset[word];
  }
  async function reader() {
    if ("BarcodeDetector" in window && (await BarcodeDetector.getSupportedFormats()).includes("qr_code")) {
      const detector = new BarcodeDetector({ formats: ["qr_code"] });
      return async () => (await detector.detect(video))[0]?.rawValue;
    }
    const { decodeQR } = await import(dialog.dataset.reader);
    const canvas = document.createElement("canvas");
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    return async () => {
      const scale = Math.min(1, SIDE_MAX / Math.max(video.videoWidth, video.videoHeight));
      canvas.width = Math.round(video.videoWidth * scale);
      canvas.height = Math.round(video.videoHeight * scale);
      pen.drawImage(video, 0, 0, canvas.width, canvas.height);
      try {
        return decodeQR(pen.getImageData(0, 0, canvas.width, canvas.height));
      } catch {
        return undefined;  // no code in this picture
      }
    };
  }
  function stop() {
    clearTimeout(timer);
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = video.srcObject = null;
    if (dialog.open) dialog.close();
  }
  function take(text) {
    const field = document.getElementById("code");
    stop();
    if (!field) return;  // the device may try no code now, and the page says why
    field.value = text;
    field.form.requestSubmit();
  }
  function look(read) {
    timer = setTimeout(async () => {
      if (!stream) return;
      try {
        const text = video.videoWidth ? (await read())?.trim() : undefined;
        if (!stream) return;
        if (text && CODE.test(text)) return take(text);
        if (text) say("strange");
      } catch {
        return say("failed");
      }
      look(read);
    }, EVERY_MS);
  }
  async function start() {
    dialog.showModal();
    say("aim");
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: "environment" } });
      if (!dialog.open) return stop();
      video.srcObject = stream;
      await video.play();
    } catch (fault) {
      return say(fault.name === "NotAllowedError" ? "denied" : "none");
    }
    try {
      look(await reader());
    } catch {
      say("failed");
    }
  }

  // The form is in the live part and may be drawn anew; the page is not.
  document.addEventListener("click", (event) => {
    if (event.target.closest("#scan")) start();
    if (event.target.closest("#scan-close")) stop();
  });
  dialog.addEventListener("close", stop);
  document.addEventListener("visibilitychange", () => document.hidden && stop());
})();
