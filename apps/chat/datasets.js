// The screens of datasets: the search in the address, files to add and their upload, and jobs that are looked at again.
(() => {
  "use strict";
  const $ = (selector) => document.querySelector(selector);
  const ADDRESS = "/api/native-llm/datasets";
  const MB = 1024 * 1024;
  const MOST_FILES = 1000;
  const SEARCH_MS = 200;
  const JOB_MS = 1000;
  const LIST_MS = 3000;
  let files = []; // [path, File]
  let sending = null;
  let typed = 0;

  const view = () => document.body.dataset.view;
  const query = () => new URLSearchParams(location.hash.split("?")[1] ?? "");

  // Searching: the address holds what was asked, so that it can be sent to somebody.
  function search(changed) {
    const wanted = query();
    for (const [name, value] of Object.entries({ ...changed, page: "" })) value ? wanted.set(name, value) : wanted.delete(name);
    const text = wanted.toString();
    history.replaceState(null, "", `${location.pathname}${location.search}#datasets${text ? `?${text}` : ""}`);
    window.dispatchEvent(new HashChangeEvent("hashchange"));
  }

  // Files
  function add(found) {
    const known = new Set(files.map(([path]) => path));
    files.push(...found.filter(([path, file]) => !known.has(path) && !file.name.startsWith(".")));
    const title = $("#add-title");
    const first = files[0]?.[0];
    if (first && !title.value) title.value = (first.includes("/") ? first.split("/")[0] : first.replace(/\.[^.]+$/, "")).slice(0, 200);
    showFiles();
  }
  function showFiles() {
    const bytes = files.reduce((sum, [, file]) => sum + file.size, 0);
    const line = $("#add-chosen");
    line.textContent = files.length ? `${files.length.toLocaleString("en")} ${files.length === 1 ? "file" : "files"}, ${size(bytes)}: ${files.slice(0, 4).map(([path]) => path).join(", ")}${files.length > 4 ? ", …" : ""} ` : "Nothing chosen yet.";
    if (files.length) {
      const clear = Object.assign(document.createElement("button"), { type: "button", className: "quiet", textContent: "Choose others" });
      clear.onclick = () => ((files = []), showFiles());
      line.append(clear);
    }
    const most = Number($("#adding").dataset.maxMb);
    if (bytes > most * MB) problem(`These files have ${size(bytes)}; one upload may have ${most.toLocaleString("en")} MB. Add fewer at a time.`);
    else if (files.length > MOST_FILES) problem(`These are ${files.length.toLocaleString("en")} files; one upload may have ${MOST_FILES.toLocaleString("en")}. Put them into a ZIP.`);
    else problem("");
  }
  const size = (bytes) => (bytes < MB ? `${Math.ceil(bytes / 1024).toLocaleString("en")} KB` : `${(bytes / MB).toFixed(1)} MB`);
  function problem(text) {
    $("#add-problem").textContent = text;
    $("#add-problem").hidden = !text;
  }
  async function dropped(transfer) {
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const found = [];
    for (const entry of entries) await walk(entry, found);
    add(found);
  }
  async function walk(entry, found) {
    if (entry.isFile) {
      found.push([entry.fullPath.slice(1), await new Promise((done, fail) => entry.file(done, fail))]);
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((done, fail) => reader.readEntries(done, fail)); // at most 100 at a time
      if (!some.length) return;
      for (const each of some) await walk(each, found);
    }
  }

  // Upload
  function send(form) {
    const address = $("#add-address").value.trim();
    if (!files.length && !address) return problem("Choose at least one file, a folder or a ZIP, or give the address of one.");
    if (sending || !$("#add-problem").hidden && /upload may have/.test($("#add-problem").textContent)) return;
    const data = new FormData(form);
    for (const name of [...data.keys()]) if (data.get(name) === "") data.delete(name);
    if ($("#add-basis").selectedOptions[0].dataset.personal !== undefined) data.set("personal", "true");
    for (const [path, file] of files) data.append("files", file, path);
    sending = new XMLHttpRequest();
    sending.open("POST", ADDRESS);
    sending.responseType = "json";
    sending.upload.onprogress = (event) => uploaded(event.loaded, event.total, address);
    sending.onload = () => ended(form, sending.status, sending.response);
    sending.onerror = () => ended(form, 0, null);
    problem("");
    uploaded(0, 1, address);
    $("#add-send").disabled = true;
    sending.send(data);
  }
  function uploaded(done, total, address) {
    const bar = $("#add-progress");
    bar.hidden = false;
    bar.querySelector("progress").value = done / total;
    bar.querySelector("span").textContent = done < total ? `Uploading, ${size(done)} of ${size(total)}` : address ? "Fetching the file" : "Checking";
  }
  function ended(form, status, answer) {
    sending = null;
    $("#add-send").disabled = false;
    $("#add-progress").hidden = true;
    if (status === 202) {
      files = [];
      form.reset();
      showFiles();
      location.hash = `#job/${answer.id}`;
    } else problem(answer?.error?.message ?? "The upload broke off, so nothing was added. Look at the connection and try again.");
  }

  document.addEventListener("input", (event) => {
    if (event.target.id !== "dataset-search") return;
    window.clearTimeout(typed);
    typed = window.setTimeout(() => search({ text: event.target.value.trim() }), SEARCH_MS);
  });
  document.addEventListener("change", (event) => {
    if (event.target.closest(".facets")) search({ [event.target.name]: event.target.value });
    else if (event.target.id === "add-address") {
      const name = event.target.value.split(/[?#]/)[0].split("/").pop().replace(/\.[^.]+$/, "");
      if (name && !$("#add-title").value) $("#add-title").value = name.slice(0, 200);
    } else if (event.target.matches("#add-files, #add-folder")) {
      add([...event.target.files].map((file) => [file.webkitRelativePath || file.name, file]));
      event.target.value = "";
    }
  });
  document.addEventListener("submit", (event) => {
    if (event.target.id !== "adding") return;
    event.preventDefault();
    send(event.target);
  });
  for (const kind of ["dragover", "dragleave", "drop"])
    document.addEventListener(kind, (event) => {
      if (view() !== "add-data") return;
      event.preventDefault();
      $("#drop").classList.toggle("over", kind === "dragover");
      if (kind === "drop") dropped(event.dataTransfer);
    });
  // Gradio may build the fields after the address was read.
  function fill({ view: shown, data }) {
    const field = $("#dataset-search");
    const form = $("#adding");
    if (shown !== view()) return;
    if (!field || !form) return window.setTimeout(fill, 100, { view: shown, data });
    if (shown === "datasets" && document.activeElement !== field) field.value = data.text ?? "";
    if (shown === "add-data") {
      form.elements.renew.value = data.renew ?? "";
      if (data.title) $("#add-title").value = data.title;
      $("#add-heading").textContent = data.renew ? "Add a newer version" : "Add data";
    }
  }
  document.addEventListener("view", ({ detail }) => fill(detail));
  if (document.body) fill({ view: view(), data: Object.fromEntries(query()) }); // the first view was shown before this script
  window.setInterval(() => {
    const open = $(".job[data-open]");
    if (view() === "job" && open && !$("dialog[open]")) window.workbench.fire("job", { job: open.dataset.job });
  }, JOB_MS);
  window.setInterval(() => {
    if (view() === "datasets" && $(".found-list[data-busy]") && !$(".facets :focus")) window.workbench.fire("datasets", Object.fromEntries(query()));
  }, LIST_MS);
})();
