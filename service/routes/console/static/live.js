// Lists that grow while one looks: a row that is new is put where it belongs, and what somebody reads stays in its place.
"use strict";

(() => {
  const FULL = 500; // rows after which the list begins anew
  const find = (name, within = document) => within.querySelector(`[data-live-${name}]`);
  let paused = false;

  const show = (state) => {
    for (const word of document.querySelectorAll("[data-live]")) word.hidden = word.dataset.live !== state;
  };

  // Whether somebody is at a row: by the pointer, the keyboard or a selection, or has scrolled past the first.
  const isRead = (list) =>
    list.matches(":hover") ||
    list.contains(document.activeElement) ||
    (!getSelection().isCollapsed && list.contains(getSelection().anchorNode)) ||
    list.getBoundingClientRect().top < 0;

  const insert = (list, rows) => {
    let before = null;
    for (const row of rows) {
      const known = document.getElementById(row.id);
      if (!known) {
        row.classList.add("htmx-added");
        before ? before.after(row) : list.prepend(row);
      }
      before = known || row;
    }
  };

  const merge = (page) => {
    const list = find("list");
    const rows = [...find("list", page).children];
    const isJoined = rows.some((row) => document.getElementById(row.id));
    const reads = isRead(list);
    if (isJoined && (reads || list.children.length < FULL)) {
      const anchor = [...list.children].find((row) => row.getBoundingClientRect().bottom > 0);
      const top = anchor && anchor.getBoundingClientRect().top;
      insert(list, rows);
      if (reads && anchor) scrollBy({ top: anchor.getBoundingClientRect().top - top, behavior: "instant" });
    } else if (rows.length && !reads) {
      list.replaceChildren(...rows);
      const [older, theirs] = [find("older"), find("older", page)];
      if (older && theirs) older.replaceWith(theirs);
      else if (theirs) find("acts").append(theirs);
    }
    find("none").hidden = list.children.length > 0;
    htmx.process(list.closest("section"));
  };

  document.addEventListener("htmx:load", () => {
    const button = find("pause");
    if (!button || !button.hidden) return;
    paused = false;
    button.hidden = false;
    show("live");
    button.addEventListener("click", () => {
      paused = !paused;
      button.setAttribute("aria-pressed", paused);
      show(paused ? "paused" : "live");
    });
  });

  document.addEventListener("htmx:beforeRequest", (asking) => {
    if (asking.target.matches("[data-live-rows]") && (paused || document.hidden)) asking.preventDefault();
  });

  document.addEventListener("htmx:afterRequest", (asked) => {
    if (!asked.target.matches("[data-live-rows]") || paused) return;
    const answer = asked.detail.xhr;
    show(answer.status === 200 ? "live" : "away");
    if (answer.status === 200) merge(new DOMParser().parseFromString(answer.responseText, "text/html"));
  });
})();
