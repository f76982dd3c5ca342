// What pages do besides: a press on "/" goes to the box, what is pressed twice is sent once, and what a page asks by
// itself says so, for else a page that is left open would keep its session from ending.
"use strict";

document.addEventListener("keydown", (press) => {
  const box = document.querySelector("[data-find]");
  if (press.key === "/" && box && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) {
    press.preventDefault();
    box.focus();
  }
});

document.addEventListener("submit", (sent) => {
  const form = sent.target;
  if (form.method !== "post" || form.role === "search") return; // one may search again at once
  if (form.dataset.sent) {
    sent.preventDefault();
    sent.stopImmediatePropagation();
    return;
  }
  form.dataset.sent = "yes";
  setTimeout(() => delete form.dataset.sent, 5000); // an answer that does not come keeps nobody from trying again
}, true);

document.addEventListener("htmx:configRequest", (asking) => {
  if (!asking.detail.triggeringEvent) asking.detail.headers["X-Poll"] = "1";
});
