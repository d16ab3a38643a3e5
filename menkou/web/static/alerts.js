// Sounds and vibrates once for each visit that somebody is asked to greet; hides what is too old.
"use strict";
(() => {
  const asking = () => document.getElementById("asking");
  const TOLD = "menkou.told", KEPT = 50;
  const told = new Set(JSON.parse(sessionStorage.getItem(TOLD) || "[]"));
  let player = null;

  // Browsers let a page make a sound only after somebody has touched it.
  function wake() {
    player ??= new AudioContext();
    if (player.state === "suspended") player.resume();
  }
  for (const kind of ["pointerdown", "keydown"]) window.addEventListener(kind, wake, { passive: true });

  function chime() {
    if (!player) return;
    [[880, 0], [1175, 0.16]].forEach(([pitch, after]) => {
      const tone = player.createOscillator(), volume = player.createGain();
      const from = player.currentTime + after;
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0.25, from);
      volume.gain.exponentialRampToValueAtTime(0.001, from + 0.4);
      tone.connect(volume).connect(player.destination);
      tone.start(from);
      tone.stop(from + 0.4);
    });
  }
  function shake() {
    if (navigator.vibrate && navigator.userActivation?.hasBeenActive !== false) navigator.vibrate([180, 90, 180]);
  }

  function look() {
    const place = asking();
    const fresh = [...place.querySelectorAll("[data-alert]")].filter((one) => !told.has(one.dataset.alert));
    if (!fresh.length) return;
    for (const { id, dataset } of fresh) {
      told.add(dataset.alert);
      // Also while the server is out of reach: what is old is listed, never popped up.
      setTimeout(() => document.getElementById(id)?.remove(), 1000 * dataset.forS);
    }
    sessionStorage.setItem(TOLD, JSON.stringify([...told].slice(-KEPT)));
    if ("sound" in place.dataset) chime();
    if ("vibration" in place.dataset) shake();
  }

  const main = document.querySelector("[data-live]");
  if (main && asking()) {
    new MutationObserver(look).observe(main, { childList: true, subtree: true });
    look();
  }
  const trial = document.getElementById("try-alert");
  if (trial) {
    trial.hidden = false;
    trial.addEventListener("click", () => {
      wake();
      if (trial.form.sound.checked) chime();
      if (trial.form.vibration.checked) shake();
    });
  }
})();
