/* Working through a review from the keyboard. The pages work without it. */

const $ = (selector, root = document) => root.querySelector(selector);
const form = $("[data-review-form]"), reason = form && $("textarea", form);
const hit = key => $(`[data-review-key="${CSS.escape(key)}"]`);

/* Single letters can be switched off in the person's menu. */
function lettersAreOff() {
  try { return localStorage.getItem("portal-letters") === "off"; } catch { return false; }
}

/* Where the chosen answer needs a reason, the browser asks for it before anything is sent. */
function askForReason() {
  const chosen = $("[name=verdict]:checked", form)?.value;
  reason.required = Boolean(chosen) && reason.dataset.neededTo.split(" ").includes(chosen);
}
function say(words) {
  reason.value = words;
  reason.focus();
}

if (form) {
  form.addEventListener("change", askForReason);
  askForReason();
  /* Enter saves from the reason too; whoever wants a second line holds Shift. */
  reason.addEventListener("keydown", e => {
    if (e.isComposing) return;
    if (e.key === "Escape") { reason.blur(); e.stopPropagation(); }
    if (e.key !== "Enter" || e.shiftKey) return;
    e.preventDefault();
    form.requestSubmit($("button[data-review-key=enter]", form));
  });
  form.addEventListener("click", e => {
    const again = e.target.closest("[data-words]");
    if (again) say(again.dataset.words);
  });
}

document.addEventListener("keydown", e => {
  const typing = e.target.matches("input:not([type=radio],[type=checkbox]), textarea, select");
  if (typing || e.ctrlKey || e.metaKey || e.altKey || e.isComposing || e.repeat || $("dialog[open]")) return;
  const key = e.key.toLowerCase();
  if (key.length === 1 && lettersAreOff()) return;
  if (key === "enter" && e.target.matches("a, button, summary, input[type=radio]")) return;
  const found = hit(key);
  if (!found) return;
  e.preventDefault();
  if (found === reason) { reason.focus(); return; }
  found.click();
  // The answer keeps the focus, so that a screen reader says it and the arrows go on from it.
  if (found.type === "radio") found.focus();
});

/* The whole list that is shown, with one tick. */
$("[data-tick-all]")?.addEventListener("change", e => {
  const picks = [...document.querySelectorAll("[data-review-list] [name=pick]")];
  for (const pick of picks) pick.checked = e.target.checked;
  picks[0]?.dispatchEvent(new Event("change", { bubbles: true }));
});
const list = $("[data-review-list]"), here = list && $("[data-here]", list);
if (here && list.scrollHeight > list.clientHeight) list.scrollTop = Math.max(0, here.offsetTop - list.offsetTop - list.clientHeight / 3);
