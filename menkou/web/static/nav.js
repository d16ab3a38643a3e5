// The menu of further places on a phone: Esc closes it, and the focus is on its button again.
"use strict";
document.addEventListener("keydown", (event) => {
  const menu = document.querySelector(".places-more details[open]");
  if (event.key !== "Escape" || event.defaultPrevented || !menu || document.querySelector("dialog[open]")) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});
