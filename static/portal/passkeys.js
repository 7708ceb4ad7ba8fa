/* Passkeys: asks the browser for one, puts its answer into the form and sends it. Without script the codes remain. */

const bytes = text => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), c => c.charCodeAt(0));
const text = buffer => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

/* A passkey belongs to a host name; at another one, or without https, the browser would only complain. */
const usable = rp => Boolean(window.PublicKeyCredential && isSecureContext) && (location.hostname === rp || location.hostname.endsWith(`.${rp}`));

/* What came as JSON, as the browser wants it. */
function asked(options) {
  const readable = one => ({ ...one, id: bytes(one.id) });
  return {
    ...options,
    challenge: bytes(options.challenge),
    ...(options.user && { user: readable(options.user) }),
    ...(options.allowCredentials && { allowCredentials: options.allowCredentials.map(readable) }),
    ...(options.excludeCredentials && { excludeCredentials: options.excludeCredentials.map(readable) }),
  };
}

/* What the browser answered, as JSON. */
function said(made) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (made.response[name]) response[name] = text(made.response[name]);
  }
  if (made.response.getTransports) response.transports = made.response.getTransports();
  return JSON.stringify({ id: made.id, rawId: text(made.rawId), type: made.type, response, clientExtensionResults: made.getClientExtensionResults() });
}

async function challenge(form) {
  const body = new URLSearchParams({ csrfmiddlewaretoken: form.csrfmiddlewaretoken.value, step_up: form.dataset.stepUp });
  const answer = await fetch(form.dataset.challenge, { method: "POST", body, headers: { Accept: "application/json" } });
  // The sign-in may have lapsed meanwhile: then there is a page to show, not a challenge.
  if (answer.redirected) { location.reload(); return new Promise(() => {}); }
  if (!answer.ok) throw new Error(answer.status);
  return answer.json();
}

async function use(form) {
  const made = form.dataset.passkey === "add"
    ? await navigator.credentials.create({ publicKey: asked(JSON.parse(form.dataset.options)) })
    : await navigator.credentials.get({ publicKey: asked(await challenge(form)) });
  form.elements.passkey.value = said(made);
  form.submit();
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!usable(form.dataset.rp)) continue;
  const all = selector => form.querySelectorAll(selector), go = form.querySelector("[data-passkey-go]"), problem = form.querySelector("[data-passkey-problem]");
  for (const el of [go, ...all("[data-passkey-shown]")]) el.hidden = false;
  for (const el of all("[data-passkey-missing]")) el.hidden = true;
  go.addEventListener("click", async () => {
    problem.hidden = true;
    go.disabled = true;
    go.setAttribute("aria-busy", "true");
    try {
      await use(form);
    } catch {
      problem.hidden = false;
      go.disabled = false;
      go.removeAttribute("aria-busy");
    }
  });
  // Where nothing else has to be typed, Enter means the passkey.
  form.addEventListener("submit", e => {
    if (form.dataset.passkey === "add" || !form.elements.recovery_code) { e.preventDefault(); go.click(); }
  });
}

for (const link of document.querySelectorAll("a[data-passkey-link]")) if (usable(link.dataset.passkeyLink)) {
  link.hidden = false;
  for (const el of document.querySelectorAll("[data-passkey-missing]")) el.hidden = true;
}
