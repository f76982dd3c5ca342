// Parts of a page that ask again by themselves. Where no answer comes, or the same one, what stands there stays.
"use strict";

(() => {
  let last = "";
  const polled = (happened) => happened.target.matches && happened.target.matches("[data-poll]");
  const sayOld = (old) => {
    for (const notice of document.querySelectorAll("[data-poll-old]")) notice.hidden = !old;
  };

  document.addEventListener("htmx:beforeRequest", (asking) => {
    if (polled(asking) && document.hidden) asking.preventDefault();
  });

  document.addEventListener("htmx:beforeSwap", (swap) => {
    if (swap.target === document.body) last = ""; // another page, or this one after an act
    if (!polled(swap) || swap.detail.requestConfig.verb !== (swap.target.dataset.poll || "get")) return;
    const { xhr } = swap.detail;
    if (xhr.status === 404) location.reload(); // whoever this was is here no more
    if (xhr.status !== 200 || xhr.responseText === last) swap.detail.shouldSwap = false;
    else last = xhr.responseText;
    sayOld(xhr.status !== 200);
  });

  document.addEventListener("htmx:sendError", (failed) => polled(failed) && sayOld(true));
})();
