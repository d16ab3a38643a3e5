// Keeps the page as new as the server: listens to /events, fetches the fragment, patches it in.
"use strict";
(() => {
  const main = document.querySelector("[data-live]");
  const bar = document.getElementById("lost");
  const sign = document.getElementById("live-sign");
  const GAP_MS = 120, MINUTE_MS = 60000, SILENT_MS = 40000, PATIENCE_MS = 1200, TIMEOUT_MS = 8000;
  let source = null, heardAt = 0, streamOk = false, fetchOk = true;
  // When what is shown was last known to be true; a page that was kept has it from then.
  const isTrue = () => (main.dataset.asOf = Date.now());
  if (!main.dataset.asOf) isTrue();
  let since = null, fetching = false, wanted = false, showTimer = 0, ageTimer = 0;

  // Make `old` equal to `fresh` node by node, so that focus, scroll and open details stay.
  function patch(old, fresh) {
    if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || old.id !== fresh.id) {
      old.replaceWith(fresh);
      return;
    }
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data;
      return;
    }
    for (const { name } of [...old.attributes])
      if (!fresh.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes)
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    children(old, fresh);
  }
  // What has an id is known again wherever it stands now; what stays is never moved.
  function children(old, fresh) {
    const next = [...fresh.childNodes];
    const wanted = new Set(next.map((node) => node.id).filter(Boolean));
    const known = new Map([...old.children].filter((node) => node.id).map((node) => [node.id, node]));
    let place = old.firstChild;
    const drop = () => {
      const gone = place;
      place = place.nextSibling;
      gone.remove();
    };
    for (const node of next) {
      while (place && place.id && !wanted.has(place.id)) drop();
      const same = node.id ? known.get(node.id) : place && !place.id ? place : null;
      if (!same) old.insertBefore(node, place);
      else {
        if (same === place) place = place.nextSibling;
        else old.insertBefore(same, place);
        patch(same, node);
      }
    }
    while (place) drop();
  }

  function judge() {
    const ok = streamOk && fetchOk;
    sign.hidden = !ok;
    if (ok) {
      since = null;
      clearTimeout(showTimer);
      showTimer = 0;
      bar.hidden = true;
    } else if (!since) {
      since = new Date(Number(main.dataset.asOf));
      document.dispatchEvent(new Event("menkou:lost"));
      const clock = since.toTimeString().slice(0, 5);
      showTimer = setTimeout(() => {
        bar.textContent = bar.dataset.text.replace("{since}", clock);
        bar.hidden = false;
      }, PATIENCE_MS);
    }
  }

  const patience = () => (AbortSignal.timeout ? AbortSignal.timeout(TIMEOUT_MS) : undefined);

  // One fetch at a time, at most eight a second, fewer where the server or the network is slow.
  async function refresh() {
    wanted = true;
    if (fetching) return;
    fetching = true;
    while (wanted) {
      wanted = false;
      const asked = Date.now();
      try {
        const answer = await fetch(main.dataset.live, { cache: "no-store", signal: patience() });
        const assets = answer.headers.get("X-Menkou-Assets");
        if (answer.status === 401) document.dispatchEvent(new Event("menkou:out"));
        if ("shell" in main.dataset ? answer.ok : answer.status === 401 || (assets && assets !== document.documentElement.dataset.assets)) {
          location.reload();
          return;
        }
        if (!answer.ok) throw new Error(String(answer.status));
        // Inside a <main>, as on the page: at the start of a body white space would be dropped.
        const fresh = new DOMParser().parseFromString(`<main>${await answer.text()}</main>`, "text/html");
        children(main, fresh.querySelector("main"));
        fetchOk = true;
        isTrue();
        ageLater();
        document.dispatchEvent(new Event("menkou:drawn"));
      } catch {
        fetchOk = false;
      }
      judge();
      await new Promise((done) => setTimeout(done, Math.min(Math.max(GAP_MS, 2 * (Date.now() - asked)), TIMEOUT_MS)));
    }
    fetching = false;
  }

  // What is marked as new is drawn again when it no longer is.
  function ageLater() {
    clearTimeout(ageTimer);
    const again = main.querySelector("[data-again-s]");
    if (again) ageTimer = setTimeout(refresh, 1000 * again.dataset.againS);
  }

  // A form of the live part is sent without leaving the page; a refusal is shown by a reload.
  main.addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    const button = event.submitter ?? form.querySelector("button");
    button.disabled = true;
    const body = new URLSearchParams(new FormData(form));
    try {
      if (button.name) body.set(button.name, button.value);
      // The fragment holds no form token: it is compressed, and its length must tell nothing.
      if (main.dataset.csrf) body.set("csrf", main.dataset.csrf);
      const answer = await fetch(form.action, { method: "POST", body, redirect: "manual", signal: patience() });
      if (answer.type !== "opaqueredirect" && !answer.ok) return location.reload();
      form.reset();
      form.closest("details")?.removeAttribute("open");
      refresh();
    } catch {
      fetchOk = false;
      judge();
      button.disabled = false;
      // It may be kept on this device and sent later (keep.js).
      const unsent = new CustomEvent("menkou:unsent", { bubbles: true, cancelable: true, detail: body });
      if (!form.dispatchEvent(unsent)) {
        form.reset();
        form.closest("details")?.removeAttribute("open");
      }
      return;
    }
    button.disabled = false;
  });

  function listen() {
    if (source) source.close();
    heardAt = Date.now();
    source = new EventSource("/events");
    const heard = () => {
      heardAt = Date.now();
      streamOk = true;
      if (fetchOk) isTrue();
      judge();
    };
    source.addEventListener("alive", heard);
    source.addEventListener("changed", () => {
      heard();
      refresh();
    });
    source.onerror = lose;
  }
  function lose() {
    streamOk = false;
    judge();
  }

  // The browser itself retries a broken stream, but neither a refused nor a silent one.
  setInterval(() => {
    if (document.hidden) return;
    if (Date.now() - heardAt > SILENT_MS) lose();
    if (!source || source.readyState === EventSource.CLOSED || Date.now() - heardAt > SILENT_MS) {
      listen();
      if (!fetchOk || !streamOk) refresh();
    }
  }, 3000);
  // "This minute" and the clock change at the turn of the minute without any event.
  (function atTheMinute() {
    setTimeout(() => {
      if (!document.hidden) refresh();
      atTheMinute();
    }, MINUTE_MS - (Date.now() % MINUTE_MS) + 500);
  })();
  // A hidden page gives its place back: browsers allow six connections to a host.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) return listen();
    source.close();
    source = null;
  });
  window.addEventListener("offline", lose);
  window.addEventListener("online", listen);
  listen();
  ageLater();
})();
