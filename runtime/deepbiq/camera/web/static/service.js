// Talking to the service: requests, and the WebSocket that comes back by itself.

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10000;

export async function ask(path, options = {}) {
  const response = await fetch(path, { cache: "no-store", ...options });
  if (response.status === 401) location.assign("/login");
  if (response.ok) return response;
  const answer = await response.json().catch(() => ({}));
  throw new Error(answer.error || `the service answered ${response.status}`);
}

export async function read(path) {
  return (await ask(path)).json();
}

export async function send(method, path, content) {
  const headers = { "Content-Type": "application/json" };
  return (await ask(path, { method, headers, body: JSON.stringify(content) })).json();
}

export function camera(name, what) {
  return `/api/cameras/${encodeURIComponent(name)}/${what}`;
}

export function listen({ onOpen, onEvent, onState }) {
  let retry = FIRST_RETRY_MS;
  const connect = () => {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/api/events`);
    let opened = false;
    socket.onopen = () => {
      opened = true;
      retry = FIRST_RETRY_MS;
      onState("connected");
      onOpen();
    };
    socket.onmessage = (message) => onEvent(JSON.parse(message.data));
    socket.onclose = () => {
      onState("reconnecting");
      // A refused WebSocket does not say why; a request does, and leads to the login where the session ended.
      if (!opened) read("/api/cameras").catch(() => {});
      setTimeout(connect, retry * (0.5 + Math.random()));
      retry = Math.min(2 * retry, LAST_RETRY_MS);
    };
  };
  onState("connecting");
  connect();
}
