// The admin API. The token is kept in the tab's session storage and sent as a header, never as a cookie: another site's page
// has no way to use it.

const TOKEN = "llm-sidecar-token";

export class ApiError extends Error {
  constructor(status, body, retryAfter) {
    const wait = retryAfter ? ` (try again in ${retryAfter} s)` : "";
    const param = body?.error?.param ? `${body.error.param}: ` : "";
    super(`${param}${body?.detail ?? body?.error?.message ?? `the sidecar answered with ${status}`}${wait}`);
    this.status = status;
    this.code = body?.error?.code ?? "";
  }
}

export const session = {
  get token() { return sessionStorage.getItem(TOKEN); },
  set token(value) { value ? sessionStorage.setItem(TOKEN, value) : sessionStorage.removeItem(TOKEN); },
};

/** Asks; the answer as it is, or an ApiError. */
export async function ask(method, path, body, headers = {}) {
  const options = { method, headers: { authorization: `Bearer ${session.token}`, ...headers }, credentials: "omit", cache: "no-store" };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["content-type"] ??= "application/json";
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The sidecar does not answer.");
  }
  if (!response.ok) {
    const told = await response.json().catch(() => null);
    if (response.status === 401) window.dispatchEvent(new CustomEvent("unauthorized"));
    throw new ApiError(response.status, told, response.headers.get("retry-after"));
  }
  return response;
}

export async function call(method, path, body, headers) {
  const response = await ask(method, `/api/v1${path}`, body, headers);
  return response.status === 204 ? null : response.json();
}

export const get = (path) => call("GET", path);

/** All pages of a list. */
export async function all(path) {
  const found = [];
  let cursor = "";
  do {
    const join = path.includes("?") ? "&" : "?";
    const page = await get(`${path}${cursor ? `${join}cursor=${encodeURIComponent(cursor)}` : ""}`);
    found.push(...page.data);
    cursor = page.next_cursor;
  } while (cursor);
  return found;
}

/** The same, or nothing where this sidecar or this token's role does not have it; says why. */
export async function maybe(promise) {
  try {
    return { value: await promise };
  } catch (error) {
    if (error.status === 401 || error.name === "AbortError") throw error;
    return { error };
  }
}

/** Changes something that was shown with this entity tag. */
export async function tagged(path) {
  const response = await ask("GET", `/api/v1${path}`);
  return { body: await response.json(), tag: response.headers.get("etag") };
}

export const name = encodeURIComponent;
