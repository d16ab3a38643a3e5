// Fills a field from the address's fragment, which no server ever sees, and clears the fragment.
"use strict";
(() => {
  const field = document.querySelector("[data-from-fragment]");
  const take = () => {
    const text = decodeURIComponent(location.hash.slice(1));
    if (!field || !text) return;
    field.value = text.slice(0, field.maxLength);
    history.replaceState(null, "", location.pathname + location.search);
  };
  window.addEventListener("hashchange", take);
  take();
})();
