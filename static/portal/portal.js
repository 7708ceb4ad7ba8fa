/* The behaviours the pages need besides htmx. No page breaks without them. */

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const meta = name => $(`meta[name="${name}"]`)?.content;
const words = JSON.parse(meta("portal-words") || "{}");
const say = (word, n) => (words[word] || word).replace("{}", n);

/* What only works with script stays hidden until here. */
const reveal = root => { for (const el of $$("[data-scripted]", root)) el.hidden = false; };

/* What a person chose for this browser. Without storage it lasts as long as the page. */
const kept = {
  get(name) { try { return localStorage.getItem(`portal-${name}`); } catch { return null; } },
  set(name, value) { try { localStorage.setItem(`portal-${name}`, value); } catch { /* storage refused */ } },
};

/* ---------- Time: the server says what time it is; the browser only counts on from there ---------- */

const skew = meta("portal-now") ? Date.parse(meta("portal-now")) - Date.now() : 0;
const now = () => Date.now() + skew;

function durationWords(minutes) {
  const h = Math.floor(minutes / 60), m = minutes % 60;
  return [h && say("h", h), m && say("min", m)].filter(Boolean).join(" ");
}
function leftWords(ms) {
  if (ms <= 0) return words.ended;
  if (ms < 60000) return words.underAMinute;
  const minutes = Math.ceil(ms / 60000);
  return minutes < 48 * 60 ? say("left", durationWords(minutes)) : say("days", Math.floor(minutes / 1440));
}
/* The hour in the person's own zone, and that it is tomorrow where it is. */
function hourWords(at) {
  const timeZone = meta("portal-zone") || undefined, day = ms => new Date(ms).toLocaleDateString("en-CA", { timeZone });
  const hour = new Date(at).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", timeZone });
  return day(at) === day(now()) ? hour : say("tomorrow", hour);
}
const over = new WeakSet();
function countDown() {
  for (const el of $$("[data-countdown]")) {
    const left = Date.parse(el.dateTime) - now(), text = leftWords(left);
    if (el.textContent !== text) el.textContent = text;
    // At zero the row asks once for its fragment.
    if (left <= 0 && !over.has(el)) { over.add(el); el.dispatchEvent(new CustomEvent("portal:over", { bubbles: true })); }
  }
  for (const el of $$("progress[data-ends]")) {
    const start = Date.parse(el.dataset.starts), end = Date.parse(el.dataset.ends), left = Math.max(0, end - now());
    el.max = end - start; el.value = left;
    const warn = +(el.dataset.warn || 30) * 60000;
    el.dataset.tone = left < warn / 6 ? "bad" : left < warn ? "wait" : "ok";
  }
  // A button that may be pressed only from a moment on, and says how long that is.
  for (const el of $$("button[data-from]")) {
    const left = Date.parse(el.dataset.from) - now(), text = $("[data-wait]", el);
    el.disabled = left > 0;
    if (text) {
      text.hidden = left <= 0;
      text.textContent = text.dataset.wait.replace("{}", left < 60000 ? `${Math.ceil(left / 1000)} s` : durationWords(Math.ceil(left / 60000)));
      $("[data-ready]", el).hidden = left > 0;
    }
    if (left <= 0) el.removeAttribute("data-from");
  }
}

/* ---------- Fields ---------- */

/* The words and the end time follow the thumb, wherever the form says them. */
function bindSlider(range) {
  const show = () => {
    const minutes = +range.value, scope = range.closest("form") || document;
    range.style.setProperty("--fill", `${(minutes - range.min) / (range.max - range.min || 1) * 100}%`);
    range.setAttribute("aria-valuetext", durationWords(minutes));
    for (const el of $$("[data-duration]", scope)) el.textContent = durationWords(minutes);
    const end = hourWords(now() + minutes * 60000);
    for (const el of $$("[data-until]", scope)) el.textContent = end;
    // With a start of its own the end does not follow from now: the sentence of the form says it.
    for (const el of $$("[data-until-words]", scope)) el.hidden = Boolean($("[name=starts_at]", scope)?.value);
  };
  range.addEventListener("input", show);
  $("[name=starts_at]", range.form)?.addEventListener("input", show);
  show();
}

/* Tabs over the parts of one form. Without script they are anchors, and all parts stand one under the other. */
function showPanel(panel) {
  for (const each of $$("[data-panel]")) each.hidden = each !== panel;
  for (const tab of $$("[data-panel-tabs] a")) {
    if (tab.hash === `#${panel.id}`) tab.setAttribute("aria-current", "true"); else tab.removeAttribute("aria-current");
  }
}
function bindPanels() {
  const panels = $$("[data-panel]");
  if (!panels.length || !$("[data-panel-tabs]")) return;
  const named = () => location.hash.length > 1 && document.getElementById(location.hash.slice(1))?.closest("[data-panel]");
  showPanel(named() || $("[data-fault], [aria-invalid=true]", panels[0].parentElement)?.closest("[data-panel]") || panels[0]);
  document.addEventListener("click", e => {
    const tab = e.target.closest("[data-panel-tabs] a");
    if (!tab) return;
    e.preventDefault();
    history.replaceState(null, "", tab.hash);
    showPanel($(tab.hash));
  });
  addEventListener("hashchange", () => {
    const panel = named();
    if (panel) { showPanel(panel); document.getElementById(location.hash.slice(1)).focus(); }
  });
}
/* Enter in a field of a long form sends nothing by itself: it presses the button beside the field, if there is one. */
document.addEventListener("click", e => {
  if (!e.target.closest("[data-enter]")) return;
  e.preventDefault();
  document.activeElement?.closest(".row")?.querySelector("button[hx-post]")?.click();
}, true);

/* Sent forms lock their button until the answer is there. Locked a moment later, so that its own value is sent too. */
function lock(form, submitter) {
  for (const button of $$("button:not([type=button])", form).concat(submitter ?? [])) {
    setTimeout(() => { button.setAttribute("aria-busy", button === submitter ? "true" : "false"); button.disabled = true; button.dataset.locked = ""; });
  }
}
function unlock(root = document) {
  for (const button of $$("button[data-locked]", root)) { button.disabled = false; button.removeAttribute("aria-busy"); delete button.dataset.locked; }
}
document.addEventListener("submit", e => {
  if (e.defaultPrevented || e.target.method === "dialog" || e.target.hasAttribute("data-unlocked")) return;
  lock(e.target, e.submitter);
});
addEventListener("pageshow", e => { if (e.persisted) unlock(); });

/* ---------- Toasts: about what was just done ---------- */

function bindToast(toast) {
  const close = () => toast.remove();
  $("[data-close-toast]", toast)?.addEventListener("click", close);
  if (toast.getAttribute("role") === "alert") return;
  let timer = setTimeout(close, 6000);
  const hold = () => clearTimeout(timer), go = () => { hold(); timer = setTimeout(close, 3000); };
  for (const event of ["pointerenter", "focusin"]) toast.addEventListener(event, hold);
  for (const event of ["pointerleave", "focusout"]) toast.addEventListener(event, go);
}
function complain(text) {
  const model = $("template#toast");
  if (!model) return;
  const toast = model.content.firstElementChild.cloneNode(true);
  $("[data-text]", toast).textContent = text;
  const toasts = $(".toasts");
  toasts.append(toast);
  while (toasts.children.length > 3) toasts.firstElementChild.remove();
  reveal(toast); bindToast(toast);
}

/* How many rows are ticked, for the bar that answers them together. */
document.addEventListener("change", e => {
  if (e.target.name !== "pick" || !e.target.form) return;
  const count = $("[data-picked]", e.target.form);
  if (count) count.textContent = $$("[name=pick]:checked").length;
});

/* ---------- Menus, drawers, the sidebar ---------- */

function toggleNav(open = !document.body.classList.contains("nav-open")) {
  const toggle = $(".nav-toggle");
  document.body.classList.toggle("nav-open", open);
  toggle?.setAttribute("aria-expanded", open);
  if (open) $(".sidebar a")?.focus(); else if ($(".sidebar")?.contains(document.activeElement)) toggle?.focus();
}
document.addEventListener("click", e => {
  const on = selector => e.target.closest(selector);
  on("[data-close]")?.closest("dialog").close();
  const opener = on("[data-opens]");
  if (opener && $(opener.dataset.opens)) { e.preventDefault(); $(opener.dataset.opens).showModal(); }
  if (on(".nav-toggle")) toggleNav();
  else if (document.body.classList.contains("nav-open") && !on(".sidebar")) toggleNav(false);
  const chip = on("[data-fills]");
  if (chip) { const filled = $(chip.dataset.fills); filled.value = chip.dataset.text ?? chip.textContent.trim(); filled.focus(); }
  if (on("[data-print]")) print();
  const copy = on("[data-copies]");
  if (copy) navigator.clipboard.writeText($$(copy.dataset.copies).map(el => el.textContent.trim()).join("\n")).then(() => {
    $("[data-copied]", copy).hidden = false; $("[data-copy]", copy).hidden = true;
  });
  for (const menu of $$("details.menu[open]")) if (!menu.contains(e.target)) menu.open = false;
});

/* One choice for light, dark, or as the system says; one for single-letter keys. */
const themes = $$("input[name=portal-theme]"), letters = $("input[name=portal-letters]");
for (const pick of themes) {
  pick.checked = pick.value === (kept.get("theme") || "auto");
  pick.addEventListener("change", () => {
    kept.set("theme", pick.value);
    if (pick.value === "auto") delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = pick.value;
  });
}
if (letters) {
  letters.checked = kept.get("letters") !== "off";
  letters.addEventListener("change", () => kept.set("letters", letters.checked ? "on" : "off"));
}

/* ---------- Keys ---------- */

/* Rows of a list one walks through: J K move, X ticks, Enter folds out, further letters press the row's own button. */
function rowKey(key) {
  const rows = $$("[data-row]");
  if (!rows.length) return false;
  const at = rows.findIndex(row => row.hasAttribute("data-here")), row = rows[at];
  if (key === "j" || key === "k") {
    const next = rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + (key === "j" ? 1 : -1)))];
    for (const each of rows) each.toggleAttribute("data-here", each === next);
    next.focus({ preventScroll: true }); next.scrollIntoView({ block: "nearest" });
    return true;
  }
  if (!row) return false;
  if (key === "enter" && document.activeElement !== row) return false;
  const hit = $(`[data-row-key="${CSS.escape(key)}"]`, row);
  if (!hit) return false;
  const fold = hit.closest("details:not([open])");
  if (fold && hit.tagName !== "SUMMARY") fold.open = true;
  // A and D open the justification; neither sends.
  if (hit.hasAttribute("data-focus-only")) $(hit.dataset.focusOnly || "textarea, input", hit.closest("form"))?.focus();
  else hit.click();
  return true;
}
document.addEventListener("keydown", e => {
  const typing = e.target.matches("input:not([type=radio],[type=checkbox],[type=range]), textarea, select");
  if ((e.key === "k" && (e.ctrlKey || e.metaKey)) || (e.key === "/" && !typing)) {
    const search = $("#search");
    if (search) { e.preventDefault(); search.focus(); }
    return;
  }
  if (e.key === "Escape") { for (const menu of $$("details.menu[open]")) { menu.open = false; $("summary", menu).focus(); } if (document.body.classList.contains("nav-open")) toggleNav(false); }
  if (e.ctrlKey || e.metaKey || e.altKey || typing || $("dialog[open]")) return;
  const key = e.key.toLowerCase();
  if (key.length === 1 && kept.get("letters") === "off") return;
  if (key === "enter" && e.target.matches("a, button, summary, input")) return;
  if (rowKey(key)) { e.preventDefault(); return; }
  const hit = $(`[data-key="${CSS.escape(key)}"]`);
  if (hit) { e.preventDefault(); hit.click(); hit.focus(); }
});

/* ---------- htmx: quiet refreshing, honest failures ---------- */

/* allowEval is off, so "only while the page is looked at" is asked here and not in hx-trigger. */
function refresh() {
  if (document.visibilityState === "visible") for (const el of $$("[data-refreshes]")) el.dispatchEvent(new CustomEvent("portal:refresh"));
}
setInterval(refresh, 15000);
addEventListener("focus", refresh);

document.addEventListener("htmx:beforeRequest", e => { if (e.target.tagName === "FORM" && e.detail.requestConfig.verb !== "get") lock(e.target, e.detail.requestConfig.triggeringEvent?.submitter); });
document.addEventListener("htmx:afterRequest", e => { if (e.target.tagName === "FORM") unlock(e.target); });
document.addEventListener("htmx:load", e => {
  if (e.detail.elt === document.body) return;
  settle(e.detail.elt);
  $("[aria-invalid=true]", e.detail.elt)?.focus();
});
document.addEventListener("htmx:responseError", e => {
  if (e.detail.xhr.status === 401) { location.reload(); return; }
  const page = new DOMParser().parseFromString(e.detail.xhr.responseText, "text/html");
  complain($("[data-problem]", page)?.textContent.trim() || words.offline);
});
document.addEventListener("htmx:sendError", e => { if (!e.target.hasAttribute("data-refreshes")) complain(words.offline); });

/* ---------- Begin ---------- */

function settle(root = document) {
  reveal(root);
  for (const range of $$('input[type="range"][data-minutes]', root)) bindSlider(range);
  for (const toast of $$(".toasts .toast", root)) bindToast(toast);
  for (const dialog of $$("dialog[data-open]", root)) dialog.showModal();
  countDown();
}
bindPanels();
settle();
setInterval(countDown, 1000);
$("[aria-invalid=true]")?.focus();
for (const form of $$("form[data-autosubmit]")) form.requestSubmit();
