"use strict";
(() => {
  const all = (what, of = document) => [...of.querySelectorAll(what)];

  // A link to what lies in closed details opens them.
  const open = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let each = target; each; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("a[href^='#']");
    if (link && link.getAttribute("href") === location.hash) open();
  });

  // Tables that can be sorted: by numbers where a cell says which, else by text. A second click turns the order.
  const value = (row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.value ?? cell.textContent.trim();
    return cell.dataset.value !== undefined && text !== "" && !isNaN(text) ? Number(text) : text;
  };
  const collator = new Intl.Collator(undefined, { numeric: true });
  const compare = (one, other) => {
    if (typeof one === "number" && typeof other === "number") return one - other;
    if (typeof one !== typeof other) return typeof one === "number" ? -1 : 1;
    return collator.compare(one, other);
  };
  for (const head of all("table.sortable thead th")) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const table = head.closest("table"), body = table.tBodies[0];
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const each of all("th", table.tHead)) each.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].map((row) => [value(row, head.cellIndex), row]);
      rows.sort((one, other) => compare(one[0], other[0]) * (down ? -1 : 1));
      body.append(...rows.map((each) => each[1]));
    });
  }

  // Copying a command.
  for (const button of all("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const code = button.parentElement.querySelector("code");
      try {
        await navigator.clipboard.writeText(code.textContent);
      } catch {
        getSelection().selectAllChildren(code);
        document.execCommand("copy");
      }
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 2000);
    });
  }

  // Finding items.
  const tools = document.querySelector("#find");
  if (tools) {
    tools.hidden = false;
    const [text, only] = all("input", tools);
    const show = () => {
      const wanted = text.value.trim().toLowerCase();
      let found = 0;
      for (const group of all(".group")) {
        let here = 0;
        for (const item of all(".item", group)) {
          const fits = item.firstElementChild.textContent.toLowerCase().includes(wanted) && !(only.checked && item.dataset.calm);
          item.hidden = !fits;
          here += fits;
        }
        group.hidden = !here;
        if (here && (wanted || only.checked)) group.open = true;
        found += here;
      }
      tools.querySelector("output").textContent = wanted || only.checked ? `${found} found` : "";
    };
    text.addEventListener("input", show);
    only.addEventListener("change", show);
  }

  // While the session runs the page is loaded anew: what was open stays open, and the place is kept.
  if (document.querySelector("meta[http-equiv=refresh]")) {
    const key = `expops ${location.pathname}`;
    try {
      const kept = JSON.parse(sessionStorage.getItem(key) || "null");
      if (kept) {
        for (const id of kept.open) { const each = document.getElementById(id); if (each) each.open = true; }
        scrollTo({ top: kept.top, behavior: "instant" });
      }
      addEventListener("pagehide", () => {
        const open = all("details[open][id]").map((each) => each.id);
        sessionStorage.setItem(key, JSON.stringify({ top: scrollY, open }));
      });
    } catch { /* a browser that keeps nothing for files */ }
  }
  if (location.hash) open();
})();
