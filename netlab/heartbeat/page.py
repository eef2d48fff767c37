"""The page that shows clients and events to people: it asks the API every two seconds."""

from base64 import b64encode
from hashlib import sha256

from netlab.http import respond
from netlab.http.message import Fields, Request, Response

_STYLE = """
body { font: 1rem/1.45 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #8884 }
td.number, th.number { text-align: right }
.down, .conflict { color: #d22; font-weight: 600 }
.late, .blind { color: #b60 }
.up { color: #182 }
li { list-style: none }
ul { padding: 0 }
@media (prefers-color-scheme: dark) {
  .down, .conflict { color: #f66 }
  .up { color: #6c7 }
  .late, .blind { color: #fb4 }
}
"""

_SCRIPT = """
"use strict";
const SHOWN = 500;
const ORDER = ["down", "conflict", "blind", "late", "new", "up", "stopped", "maintenance", "paused"];
const COLUMNS = ["id", "state", "since",
  "beats", "lost", "late", "duplicates", "reordered", "delay", "jitter", "cause"];
const NUMBERS = new Set(COLUMNS.slice(3, 10));

function cell(kind, text, name) {
  const made = document.createElement(kind);
  made.textContent = text;
  if (name) made.className = name;
  return made;
}

function words(client, column) {
  const value = client[column];
  if (value === null || value === undefined) return "";
  if (column === "since") return new Date(value * 1000).toLocaleTimeString();
  if (column === "delay" || column === "jitter") return (value * 1000).toFixed(3) + " ms";
  return String(value);
}

function row(client) {
  const made = document.createElement("tr");
  for (const column of COLUMNS)
    made.append(cell("td", words(client, column),
      column === "state" ? client.state : NUMBERS.has(column) ? "number" : ""));
  return made;
}

function told(event) {
  const words = [new Date(event.time * 1000).toLocaleTimeString(), event.client,
    event.state || event.event, event.cause];
  return words.filter(Boolean).join("  ");
}

async function read(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(path + ": " + answer.status);
  return answer.json();
}

async function show() {
  const status = document.getElementById("status");
  try {
    const [{clients}, {events}] = await Promise.all([read("/api/clients"), read("/api/events")]);
    const rank = client => ORDER.indexOf(client.state);
    clients.sort((one, other) => rank(one) - rank(other) || (one.id < other.id ? -1 : 1));
    document.querySelector("tbody").replaceChildren(...clients.slice(0, SHOWN).map(row));
    const counts = {};
    for (const client of clients) counts[client.state] = (counts[client.state] || 0) + 1;
    status.textContent = clients.length + " clients" +
      ORDER.filter(state => counts[state]).map(state => ", " + counts[state] + " " + state).join("") +
      (clients.length > SHOWN ? "; the first " + SHOWN + " are shown" : "");
    document.querySelector("ul").replaceChildren(...events.slice(-50).reverse().map(event =>
      cell("li", told(event))));
  } catch (error) {
    status.textContent = "The monitor does not answer: " + error.message;
  }
  setTimeout(show, 2000);
}

const head = document.querySelector("thead tr");
for (const column of COLUMNS) head.append(cell("th", column, NUMBERS.has(column) ? "number" : ""));
show();
"""

_PAGE = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Heartbeats</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Heartbeats</h1>
<p id="status">Nothing is known yet.</p>
<table><thead><tr></tr></thead><tbody></tbody></table>
<h2>Events</h2>
<ul></ul>
<script>{_SCRIPT}</script>
</body>
</html>
""".encode()


def _source(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


_OWN = f"style-src {_source(_STYLE)}; script-src {_source(_SCRIPT)}"
_FIELDS = Fields(
    (
        ("Content-Type", "text/html; charset=utf-8"),
        # Nothing runs here but what stands above, whatever clients call themselves.
        (
            "Content-Security-Policy",
            f"default-src 'none'; connect-src 'self'; frame-ancestors 'none'; {_OWN}",
        ),
        ("Cache-Control", "no-cache"),
        respond.NOSNIFF,
    )
)


def page(request: Request) -> Response | None:
    """Answer ``/``; every other path is somebody else's."""
    if request.target.partition("?")[0] != "/":
        return None
    if request.method not in ("GET", "HEAD"):
        return respond.error(405, "This can only be read.", ("Allow", "GET, HEAD"))
    return Response(200, _FIELDS, _PAGE)
