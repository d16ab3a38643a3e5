// Shows this device's time beside the box's, and sends it when somebody says that it is right.
"use strict";
(() => {
  const box = document.getElementById("box-time");
  const row = document.getElementById("device-row");
  const device = document.getElementById("device-time");
  const form = document.getElementById("time-set");
  const began = performance.now(), boxAt = Date.parse(box.dateTime);
  const words = new Intl.DateTimeFormat("sv-SE", {
    timeZone: box.closest("[data-zone]").dataset.zone,
    dateStyle: "short",
    timeStyle: "medium",
  });
  const show = () => {
    box.textContent = words.format(boxAt + performance.now() - began);
    device.textContent = words.format(Date.now());
  };
  show();
  row.hidden = false;
  setInterval(show, 500);
  if (!form) return;
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const answer = await fetch(form.dataset.asked, { cache: "no-store" });
      form.elements.asked.value = (await answer.json()).asked;
    } catch {
      form.elements.asked.value = "";  // the box says that it took too long
    }
    form.elements.device.value = Date.now();
    form.submit();
  });
})();
