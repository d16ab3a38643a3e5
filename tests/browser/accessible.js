// What a page must have for every reader, checked by hand: returns what is wrong, in words.
() => {
  const wrong = [];
  const seen = (e) => e.checkVisibility() && e.getBoundingClientRect().width > 1;
  const name = (e) => (e.getAttribute("aria-label") || e.alt || e.textContent || "").trim();
  const all = (css) => [...document.querySelectorAll(css)];
  if (!document.title.trim()) wrong.push("no title");
  if (!document.documentElement.lang) wrong.push("no language");
  if (all("main").length !== 1) wrong.push("not one main landmark");
  if (all("h1").filter(seen).length !== 1) wrong.push("not one h1");
  let level = 0;
  for (const e of all("h1,h2,h3,h4").filter(seen)) {
    if (Number(e.nodeName[1]) > level + 1) wrong.push(`heading level skipped: ${name(e)}`);
    level = Number(e.nodeName[1]);
  }
  for (const e of all("a,button,summary,img,[role=img]")) if (seen(e) && !name(e)) wrong.push(`no name: ${e.outerHTML.slice(0, 90)}`);
  for (const e of all("input:not([type=hidden])")) if (!e.labels.length) wrong.push(`no label: ${e.name}`);
  for (const e of all("[aria-labelledby],[aria-describedby]"))
    for (const id of (e.getAttribute("aria-labelledby") || e.getAttribute("aria-describedby")).split(" "))
      if (!document.getElementById(id)) wrong.push(`refers to nothing: ${id}`);
  const ids = all("[id]").map((e) => e.id);
  for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) wrong.push(`id twice: ${id}`);

  const numbers = (color) => color.match(/[\d.]+/g).map(Number);
  const light = (rgb) => {
    const [r, g, b] = rgb.slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const color = numbers(getComputedStyle(e).backgroundColor);
      if (color.length === 3 || color[3] > 0.99) return color;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const e = node.parentElement;
    if (!node.data.trim() || !seen(e) || e.closest("noscript,.skip,.unseen,title,script")) continue;
    const style = getComputedStyle(e);
    const ink = numbers(e.closest("svg") ? style.fill : style.color);
    const [high, low] = [light(ink), light(ground(e))].sort((a, b) => b - a);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < (large ? 3 : 4.5)) wrong.push(`contrast ${ratio.toFixed(2)}: ${node.data.trim().slice(0, 40)}`);
  }
  return wrong;
}
