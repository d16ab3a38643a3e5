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
  // Whatever was kept here was for a device that is paired (keep.js).
  sessionStorage.removeItem("menkou.state");
  localStorage.removeItem("menkou.later");
  window.addEventListener("hashchange", take);
  take();
})();
