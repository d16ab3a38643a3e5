// Drags the line and the areas on a camera's empty picture. The form's fields hold all of it: what
// is drawn here is written into them, what is typed there is drawn here.
"use strict";
(() => {
  const form = document.getElementById("draw");
  const canvas = document.getElementById("canvas");
  if (!form || !canvas) return;
  const NS = "http://www.w3.org/2000/svg", WIDE = 1000, STEP = 0.5, BIG = 5, TOUCH_PX = 22;
  const field = (id) => document.getElementById(id);
  const ends = ["x1", "y1", "x2", "y2"].map(field);
  const zone = field("zone"), staff = field("staff_zone");
  const most = Number(form.dataset.corners);
  const past = [];
  let high = WIDE * 9 / 16, chosen = null, drag = null;

  const make = (name, attributes, parent) => {
    const node = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    parent.append(node);
    return node;
  };
  const svg = make("svg", { class: "drawing", role: "group", "aria-labelledby": "h-draw", "aria-describedby": "how" }, canvas);
  const image = make("image", { x: 0, y: 0, width: WIDE, preserveAspectRatio: "none" }, svg);
  const shapes = make("g", {}, svg), handles = make("g", {}, svg);
  field("draw-tools").hidden = false;

  const clip = (value) => Math.round(Math.min(100, Math.max(0, value)) * 10) / 10;
  const read = (text) => {
    const points = text.replaceAll("，", ",").trim().split(/\s+/).filter(Boolean).map((pair) => pair.split(",").map(Number));
    return points.every((p) => p.length === 2 && p.every((v) => v >= 0 && v <= 100)) ? points : [];
  };
  const write = (points) => points.map((p) => p.join(",")).join(" ");
  const line = () => {
    const [a, b, c, d] = ends.map((e) => (e.value.trim() === "" ? NaN : Number(e.value)));
    return [a, b, c, d].every((v) => v >= 0 && v <= 100) ? [[a, b], [c, d]] : [];
  };
  const points = (what) => (what === "line" ? line() : read((what === "zone" ? zone : staff).value));
  const put = (what, list) => {
    if (what === "line") ends.forEach((e, n) => (e.value = list.length ? list[n >> 1][n & 1] : ""));
    else (what === "zone" ? zone : staff).value = write(list);
  };
  const side = () => form.querySelector("input[name=inside]:checked");
  const face = (value) => {
    const radio = form.querySelector(`input[name=inside][value=${value}]`);
    if (radio) radio.checked = true;
  };
  const all = () => JSON.stringify([...ends.map((e) => e.value), zone.value, staff.value, side() ? side().value : ""]);
  const remember = () => {
    const now = all();
    if (past.at(-1) !== now) past.push(now);
    if (past.length > 100) past.shift();
  };
  const at = (p) => [p[0] * WIDE / 100, p[1] * high / 100];

  // Which way is inside: as the counter has it, the normal that faces the chosen side. It counts in
  // fractions of width and height, so the arrow does too and is only then stretched to the picture.
  function inward([a, b]) {
    const chosenSide = side() && { above: [0, -1], below: [0, 1], left: [-1, 0], right: [1, 0] }[side().value];
    const dx = b[0] - a[0], dy = b[1] - a[1], length = Math.hypot(dx, dy);
    if (!chosenSide || !length) return null;
    const n = [dy / length, -dx / length], facing = n[0] * chosenSide[0] + n[1] * chosenSide[1];
    if (Math.abs(facing) < 1e-6) return null;
    return facing > 0 ? n : [-n[0], -n[1]];
  }

  function draw() {
    svg.setAttribute("viewBox", `0 0 ${WIDE} ${high}`);
    image.setAttribute("height", high);
    const held = document.activeElement && document.activeElement.dataset ? { ...document.activeElement.dataset } : {};
    shapes.replaceChildren();
    for (const what of ["zone", "staff"]) {
      const corners = points(what).map(at).map((p) => p.join(",")).join(" ");
      if (!corners) continue;
      if (what === "staff") make("polygon", { points: corners, fill: "url(#hatch-closed)" }, shapes);
      make("polygon", { class: `ink-${what}`, points: corners }, shapes);
    }
    const two = line();
    if (two.length) {
      const [a, b] = two.map(at);
      make("path", { class: "ink-under", d: `M${a}L${b}` }, shapes);
      make("path", { class: "ink-line", d: `M${a}L${b}` }, shapes);
      const n = inward(two);
      if (n) {
        const middle = [(two[0][0] + two[1][0]) / 2, (two[0][1] + two[1][1]) / 2];
        const [from, tip] = [at(middle), at([middle[0] + 10 * n[0], middle[1] + 10 * n[1]])];
        const turn = Math.atan2(tip[1] - from[1], tip[0] - from[0]);
        const wing = (by) => [tip[0] - 34 * Math.cos(turn + by), tip[1] - 34 * Math.sin(turn + by)];
        const arrow = `M${from}L${tip}M${wing(0.5)}L${tip}L${wing(-0.5)}`;
        make("path", { class: "ink-under", d: arrow }, shapes);
        make("path", { class: "ink-arrow", d: arrow }, shapes);
      }
    }
    knobs();
    if (held.what) {
      const again = handles.querySelector(`[data-what="${held.what}"][data-n="${held.n}"]`);
      if (again) again.focus({ preventScroll: true });
    }
    field("undo").disabled = !past.length;
    const area = chosen && chosen.what !== "line" ? points(chosen.what).length : 0;
    field("add-corner").disabled = !area || area >= most;
    field("remove").disabled = !chosen;
    field("turn").disabled = !two.length;
  }
  function knobs() {
    const scale = WIDE / (svg.clientWidth || WIDE);
    const kept = new Map([...handles.children].map((g) => [`${g.dataset.what}${g.dataset.n}`, g]));
    for (const what of ["zone", "staff", "line"]) points(what).forEach((p, n) => {
      const key = `${what}${n}`;
      let knob = kept.get(key);
      kept.delete(key);
      if (!knob) {
        knob = make("g", { class: `knob knob-${what}`, tabindex: 0, role: "button", "data-what": what, "data-n": n }, handles);
        make("circle", { class: "knob-touch" }, knob);
        make(what === "line" ? "circle" : "rect", { class: "knob-mark" }, knob);
      }
      const [x, y] = at(p), [touch, mark] = knob.children, r = 9 * scale;
      touch.setAttribute("r", TOUCH_PX * scale);
      for (const [name, value] of Object.entries(what === "line" ? { r } : { x: -r, y: -r, width: 2 * r, height: 2 * r })) mark.setAttribute(name, value);
      knob.setAttribute("transform", `translate(${x} ${y})`);
      knob.classList.toggle("chosen", Boolean(chosen && chosen.what === what && chosen.n === n));
      const named = { what: form.dataset[what], n: n + 1, x: p[0], y: p[1] };
      knob.setAttribute("aria-label", form.dataset.point.replace(/\{(\w+)\}/g, (_, name) => named[name]));
    });
    for (const gone of kept.values()) gone.remove();
  }

  function moveTo(what, n, x, y) {
    const list = points(what);
    list[n] = [clip(x), clip(y)];
    put(what, list);
    draw();
  }
  const change = (then) => {
    remember();
    then();
    draw();
  };

  svg.addEventListener("pointerdown", (event) => {
    const knob = event.target.closest(".knob");
    if (!knob) return;
    event.preventDefault();
    knob.focus({ preventScroll: true });
    chosen = { what: knob.dataset.what, n: Number(knob.dataset.n) };
    drag = { ...chosen, pointer: event.pointerId, moved: false };
    svg.setPointerCapture(event.pointerId);
    draw();
  });
  svg.addEventListener("pointermove", (event) => {
    if (!drag || drag.pointer !== event.pointerId) return;
    if (!drag.moved) remember();
    drag.moved = true;
    const box = svg.getBoundingClientRect();
    moveTo(drag.what, drag.n, 100 * (event.clientX - box.left) / box.width, 100 * (event.clientY - box.top) / box.height);
  });
  for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, () => (drag = null));
  svg.addEventListener("focusin", (event) => {
    const knob = event.target.closest(".knob");
    if (!knob) return;
    chosen = { what: knob.dataset.what, n: Number(knob.dataset.n) };
    draw();
  });
  svg.addEventListener("keydown", (event) => {
    const knob = event.target.closest(".knob");
    if (!knob) return;
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const { what } = knob.dataset, n = Number(knob.dataset.n);
    if (way) {
      event.preventDefault();
      const by = event.shiftKey ? BIG : STEP, [x, y] = points(what)[n];
      if (!event.repeat) remember();
      moveTo(what, n, x + by * way[0], y + by * way[1]);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      remove();
    }
  });
  function undo() {
    const before = past.pop();
    if (!before) return;
    const values = JSON.parse(before);
    ends.forEach((e, n) => (e.value = values[n]));
    [zone.value, staff.value] = values.slice(4, 6);
    for (const radio of form.querySelectorAll("input[name=inside]")) radio.checked = radio.value === values[6];
    chosen = null;
    draw();
  }
  // A line goes as a whole, an area by its corners and with the third last one as a whole.
  function remove() {
    if (!chosen) return;
    const { what, n } = chosen;
    change(() => {
      const list = points(what);
      list.splice(n, 1);
      put(what, what === "line" || list.length < 3 ? [] : list);
      if (what === "line") for (const radio of form.querySelectorAll("input[name=inside]")) radio.checked = false;
      chosen = null;
    });
  }
  function addCorner() {
    const { what, n } = chosen;
    change(() => {
      const list = points(what), next = list[(n + 1) % list.length];
      list.splice(n + 1, 0, [clip((list[n][0] + next[0]) / 2), clip((list[n][1] + next[1]) / 2)]);
      put(what, list);
      chosen = { what, n: n + 1 };
    });
  }
  const square = (what, l, t, r, b) => () => change(() => {
    put(what, [[l, t], [r, t], [r, b], [l, b]]);
    chosen = { what, n: 0 };
  });
  field("undo").addEventListener("click", undo);
  field("remove").addEventListener("click", remove);
  field("add-corner").addEventListener("click", addCorner);
  field("new-line").addEventListener("click", () => change(() => {
    put("line", [[10, 60], [90, 60]]);
    face("below");
  }));
  field("turn").addEventListener("click", () => change(() => {
    const opposite = { above: "below", below: "above", left: "right", right: "left" };
    const two = line(), level = Math.abs(two[1][0] - two[0][0]) >= Math.abs(two[1][1] - two[0][1]);
    face(side() && inward(two) ? opposite[side().value] : level ? "below" : "right");
  }));
  field("new-zone").addEventListener("click", square("zone", 20, 20, 80, 80));
  field("new-staff").addEventListener("click", square("staff", 70, 10, 95, 40));
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input:not([type=radio]), textarea");
    if (!typing && (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
      event.preventDefault();
      undo();
    }
  });
  let before = all();
  form.addEventListener("focusin", () => (before = all()));
  form.addEventListener("change", (event) => {
    if (!event.target.matches("input")) return;
    if (past.at(-1) !== before) past.push(before);
    before = all();
    draw();
  });

  if (canvas.dataset.picture) {
    const probe = new Image();
    probe.onload = () => {
      high = WIDE * probe.naturalHeight / probe.naturalWidth;
      image.setAttribute("href", canvas.dataset.picture);
      draw();
    };
    probe.src = canvas.dataset.picture;
  }
  new ResizeObserver(draw).observe(svg);
  draw();
  // What was saved is counted by within seconds: the page looks again until it is so.
  if (field("taking-over")) setTimeout(() => past.length || location.reload(), 3000);
})();
