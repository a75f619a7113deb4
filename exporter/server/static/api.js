// What the page asks the server for. All addresses are relative, so that a proxy may move them.

/** Leads from this page to `/`. */
export const ROOT = document.body.dataset.root;

/** A name as one segment of a path or one value of a query; lone surrogates cannot be sent. */
export function quoted(name) {
  return encodeURIComponent(name.toWellFormed ? name.toWellFormed() : name);
}

/** Get JSON; throws an Error in words. */
export async function get(path) {
  const answer = await fetch(ROOT + path, { headers: { Accept: "application/json" } });
  const form = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(form.error || `the server said ${answer.status}`);
  return form;
}

/** Start a trace now; resolves to words about what became of it. */
export async function traceNow(name) {
  const answer = await fetch(`${ROOT}api/v1/targets/${quoted(name)}/trace`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: "{}",
  });
  const form = await answer.json().catch(() => ({}));
  if (!answer.ok) return { ok: false, words: form.error || `the server said ${answer.status}` };
  return { ok: true, words: form.trace === "running" ? "a trace runs already" : "tracing…" };
}
