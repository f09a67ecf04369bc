// Joins the drawn page to its events: clicks, keys, the composer, scrolling, and which part is open.
// It decides nothing: the server looks up every id that it sends under the person's own rights.
(() => {
  "use strict";
  const $ = (selector) => document.querySelector(selector);
  let send = null;
  let waiting = [];
  let pending = "";
  let startedAt = 0;

  const thread = () => $(".thread");
  const running = () => thread()?.hasAttribute("data-running") ?? false;
  const fire = (name, data) => (send ? send(name, data) : waiting.push([name, data]));

  // The events of the page go through one component; it calls this when it is ready.
  window.workbench = {
    fire: (name, data) => fire(name, data),
    connect(trigger) {
      send = trigger;
      waiting.splice(0).forEach(([name, data]) => send(name, data));
    },
  };

  function context() {
    const { agent = "", conversation = "", leaf = "" } = thread()?.dataset ?? {};
    return { agent, conversation, leaf };
  }

  function act(button) {
    const { do: name, opens, confirm, verb, number, helpful, auto, ...rest } = button.dataset;
    const data = { ...context(), ...rest };
    const form = button.closest("form");
    if (form && name !== "start") for (const [key, value] of new FormData(form)) data[key] = value;
    if (number !== undefined) data.number = Number(number);
    if (helpful !== undefined) data.helpful = helpful === "true";
    if (opens !== undefined) openPanel();
    if (["show", "start", "ask_about"].includes(name)) leaveTo("chat");
    if (name === "edit" || name === "regenerate" || name === "collect") begin("");
    fire(name, data);
  }

  // Views: the address says which, so that Back works; each with the event that fills it.
  const VIEWS = { agents: "agents", "new-agent": "", datasets: "datasets", dataset: "dataset", "add-data": "", job: "job" };
  function showView() {
    const [path, query] = location.hash.slice(1).split("?");
    const [name, id] = path.split("/");
    const view = name in VIEWS ? name : "chat";
    if (document.body.dataset.view !== view) window.scrollTo(0, 0);
    document.body.dataset.view = view;
    closeDrawer();
    const data = Object.fromEntries(new URLSearchParams(query));
    if (VIEWS[view]) fire(VIEWS[view], id ? { ...data, [view]: decodeURIComponent(id) } : data);
    document.dispatchEvent(new CustomEvent("view", { detail: { view, data } }));
  }
  function leaveTo(view) {
    if (view === "chat" && location.hash) location.hash = "";
    closeDrawer();
    closePanel();
  }
  const closeDrawer = () => document.body.classList.remove("drawer-open");
  const openPanel = () => document.body.classList.add("panel-open");
  const closePanel = () => document.body.classList.remove("panel-open");

  // Asking
  function ask() {
    const field = $("#question");
    const text = field.value.trim();
    if (!text) return;
    if (running()) return hint("This answer is still being written. Press Esc to stop it, or wait.");
    begin(text);
    field.value = "";
    fit(field);
    fire("ask", { ...context(), text });
  }
  function begin(text) {
    pending = text;
    startedAt = performance.now();
    thread()?.setAttribute("data-running", "");
    document.body.classList.add("sending");
    hint("");
    window.setTimeout(toEnd, 0);
  }
  function stop() {
    if (running()) fire("stop", context());
  }
  function hint(text) {
    const line = $("#hint");
    line.dataset.usual ??= line.textContent;
    line.textContent = text || line.dataset.usual;
  }
  function fit(field) {
    field.style.height = "auto";
    field.style.height = `${Math.min(field.scrollHeight, 200)}px`;
  }

  // What the server drew
  const nearEnd = () => window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 160;
  const toEnd = () => window.scrollTo({ top: document.documentElement.scrollHeight });
  let wasNearEnd = true;
  window.addEventListener("scroll", () => (wasNearEnd = nearEnd()), { passive: true });
  let shown = null;
  const collected = new Set(); // released answers that this page has asked for by itself

  function settle() {
    const here = thread();
    if (!here) return;
    const busy = running();
    if (!busy || $(".live")) document.body.classList.remove("sending");
    $("#send")?.toggleAttribute("hidden", busy);
    $("#stop")?.toggleAttribute("hidden", !busy);
    if (here.dataset.conversation !== shown) {
      shown = here.dataset.conversation;
      const url = shown ? `?c=${encodeURIComponent(shown)}` : "?";
      history.replaceState(null, "", `${location.pathname}${url}${location.hash}`);
      wasNearEnd = true;
    }
    if (!busy && pending) {
      if ($(".live-part .problem") && !$("#question").value) $("#question").value = pending;
      pending = "";
    }
    const released = busy ? null : $(".thread [data-auto]");
    if (released && !collected.has(released.dataset.turn)) {
      collected.add(released.dataset.turn);
      released.click();
    }
    if (wasNearEnd && document.body.dataset.view === "chat" && !here.classList.contains("empty")) toEnd();
  }
  function tick() {
    const elapsed = $(".live .elapsed");
    if (!elapsed) return;
    startedAt ||= performance.now();
    const seconds = Math.floor((performance.now() - startedAt) / 1000);
    elapsed.textContent = seconds >= 3 ? ` · ${seconds} s` : "";
  }

  // A problem that an event reports (a toast): nothing was asked, so give the words back; or a turn broke, so look anew.
  function recover() {
    if ($(".live")) return fire("show", { ...context(), leaf: "" });
    if (!document.body.classList.contains("sending")) return;
    thread()?.removeAttribute("data-running");
    if (pending && !$("#question").value) $("#question").value = pending;
    pending = "";
    settle();
  }

  async function copy(button) {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      const area = Object.assign(document.createElement("textarea"), { value: button.dataset.copy });
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    button.classList.add("done");
    window.setTimeout(() => button.classList.remove("done"), 1200);
  }

  function confirmed(button) {
    const dialog = $("#confirm");
    $("#confirm-text").textContent = button.dataset.confirm;
    $("#confirm button.primary").textContent = button.dataset.verb ?? "Delete";
    dialog.returnValue = "no";
    dialog.onclose = () => dialog.returnValue === "yes" && act(button);
    dialog.showModal();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button, a, summary");
    if (!button) {
      if (event.target.closest(".shade")) closeDrawer();
      return;
    }
    const data = button.dataset;
    if (data.confirm !== undefined) confirmed(button);
    else if (data.do !== undefined) act(button);
    else if (data.copy !== undefined) copy(button);
    else if (data.toggle !== undefined) {
      const form = document.getElementById(data.toggle);
      form.hidden = !form.hidden;
      if (!form.hidden) form.querySelector("textarea").focus();
    } else if (data.fill !== undefined) {
      $("#question").value = data.fill;
      ask();
    } else if (data.drawer !== undefined) document.body.classList.toggle("drawer-open");
    else if (data.close !== undefined) closePanel();
    else if (data.keys !== undefined) $("#keys").showModal();
    else if (button.id === "stop") stop();
  });
  document.addEventListener("submit", (event) => {
    if (event.target.id === "composer") {
      event.preventDefault();
      ask();
    } else if (event.target.closest(".gradio-container") && !event.target.method.match(/post|dialog/)) event.preventDefault();
  });
  document.addEventListener("input", (event) => event.target.id === "question" && fit(event.target));

  function press(selector) {
    const all = document.querySelectorAll(selector);
    all[all.length - 1]?.click();
  }
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "Enter" && event.target.id === "question" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      ask();
    } else if (event.key === "Escape" && !$("dialog[open]")) {
      if (document.body.classList.contains("drawer-open")) closeDrawer();
      else if (document.body.classList.contains("panel-open")) closePanel();
      else stop();
    } else if (event.altKey && event.code === "KeyN") press(".bar [data-do=start]");
    else if (event.altKey && event.code === "KeyR") press(".answer [data-do=regenerate]");
    else if (event.altKey && event.code === "KeyG") press(".answer .badge[data-do]");
    else if (event.key === "?" && !typing) $("#keys")?.showModal();
    else if (event.key === "/" && !typing && document.body.dataset.view === "chat") {
      event.preventDefault();
      $("#question")?.focus();
    }
  });

  window.addEventListener("hashchange", showView);
  function begun() {
    showView();
    window.setInterval(tick, 500);
    new MutationObserver((changes) => {
      if (changes.some((each) => each.target.closest?.(".thread-part, .live-part") ?? true)) settle();
      if (changes.some((each) => [...each.addedNodes].some((node) => node.querySelector?.(".toast-body.error")))) recover();
    }).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-conversation", "data-leaf", "data-running"] });
  }
  // Gradio may put this script into the page before or after the body is there.
  if (document.body) begun();
  else document.addEventListener("DOMContentLoaded", begun);
})();
