"""What each line of an exchange is for, with the section that says so: for whoever learns HTTP."""

from collections.abc import Iterator

from netlab.http.message import ResponseHead

METHODS = {
    "GET": "asks for the resource itself (RFC 9110 §9.3.1)",
    "HEAD": "asks for what GET would answer, without the body (RFC 9110 §9.3.2)",
    "POST": "hands the body to the resource, which does with it what it is for (RFC 9110 §9.3.3)",
    "PUT": "asks to put the body in the resource's place (RFC 9110 §9.3.4)",
    "DELETE": "asks to remove the resource (RFC 9110 §9.3.5)",
    "CONNECT": "asks a proxy for a tunnel to that host and port (RFC 9110 §9.3.6)",
    "OPTIONS": "asks what may be done with the resource (RFC 9110 §9.3.7)",
    "TRACE": "asks to see the request as it arrived (RFC 9110 §9.3.8)",
    "PATCH": "asks to change the resource as the body says (RFC 5789 §2)",
}

CLASSES = {
    1: "an interim answer: the final one is to come (RFC 9110 §15.2)",
    2: "it worked (RFC 9110 §15.3)",
    3: "the client has to do more, mostly to look elsewhere (RFC 9110 §15.4)",
    4: "the server finds a fault with the request (RFC 9110 §15.5)",
    5: "the server found a fault with itself (RFC 9110 §15.6)",
}

STATUSES = {
    206: "only the range that was asked for follows (RFC 9110 §15.3.7)",
    301: "the resource has moved for good, to where Location says (RFC 9110 §15.4.2)",
    302: "the resource is elsewhere for now, where Location says (RFC 9110 §15.4.3)",
    304: "what the client has already is still good: no body follows (RFC 9110 §15.4.5)",
    401: "credentials are needed, of the kind that WWW-Authenticate names (RFC 9110 §15.5.2)",
    404: "there is nothing of that name here (RFC 9110 §15.5.5)",
    405: "the resource does not do this; Allow says what it does (RFC 9110 §15.5.6)",
    416: "the resource has no such range (RFC 9110 §15.5.17)",
}

FIELDS = {
    "accept": "the media types that the client would like (RFC 9110 §12.5.1)",
    "accept-encoding": "the content codings that the client can undo (RFC 9110 §12.5.3)",
    "accept-ranges": "the server can send parts of this (RFC 9110 §14.3)",
    "age": "seconds since the origin server vouched for this (RFC 9111 §5.1)",
    "allow": "the methods that the resource answers (RFC 9110 §10.2.1)",
    "authorization": "the credentials of the user (RFC 9110 §11.6.2)",
    "cache-control": "who may keep the answer, and how long (RFC 9111 §5.2)",
    "connection": "what holds for this connection alone; close: it ends after this (RFC 9110 §7.6.1)",
    "content-encoding": "how the body is coded, to be undone by the client (RFC 9110 §8.4)",
    "content-length": "octets of the body: so the reader knows where it ends (RFC 9110 §8.6)",
    "content-range": "which part of the whole this is (RFC 9110 §14.4)",
    "content-type": "what the body is, and in which characters (RFC 9110 §8.3)",
    "cookie": "what the server asked the client to remember (RFC 6265 §4.2)",
    "date": "when the answer was made (RFC 9110 §6.6.1)",
    "etag": "a name for this version of the resource, to ask later whether it has changed (RFC 9110 §8.8.3)",
    "expires": "until when a cache may use the answer (RFC 9111 §5.3)",
    "host": "which of the sites at this address is meant (RFC 9110 §7.2)",
    "if-modified-since": "send it only if it has changed since (RFC 9110 §13.1.3)",
    "if-none-match": "send it only if its version has another name (RFC 9110 §13.1.2)",
    "if-range": "send the part if nothing has changed, and the whole if something has (RFC 9110 §13.1.5)",
    "keep-alive": "how long the server keeps an idle connection (RFC 2068 §19.7.1)",
    "last-modified": "when the resource changed last (RFC 9110 §8.8.2)",
    "link": "other resources that have to do with this one (RFC 8288 §3)",
    "location": "where to look instead (RFC 9110 §10.2.2)",
    "proxy-authorization": "the credentials for the proxy (RFC 9110 §11.7.2)",
    "range": "the part that the client asks for (RFC 9110 §14.2)",
    "retry-after": "when to try again (RFC 9110 §10.2.3)",
    "server": "the software that answers (RFC 9110 §10.2.4)",
    "set-cookie": "something for the client to remember (RFC 6265 §4.1)",
    "strict-transport-security": "come back by https only (RFC 6797 §6.1)",
    "transfer-encoding": "how the body travels; chunked: in pieces that tell their length (RFC 9112 §7.1)",
    "user-agent": "the software that asks (RFC 9110 §10.1.5)",
    "vary": "which fields of the request the answer depends on (RFC 9110 §12.5.5)",
    "via": "the proxies on the way (RFC 9110 §7.6.3)",
    "www-authenticate": "the credentials that are needed (RFC 9110 §11.6.1)",
    "x-content-type-options": "nosniff: believe Content-Type, do not guess (Fetch §3.6)",
}


def explained(head: bytes) -> Iterator[tuple[str, str]]:
    """Each line of a head, or of several, as it was on the wire, and what it is for."""
    start = True
    for line in head.decode("latin-1").split("\r\n")[:-1]:
        if not line:
            yield line, "an empty line: the end of the head (RFC 9112 §2.1)"
        elif start:
            yield line, _of_start_line(line)
        else:
            name = line.partition(":")[0].lower()
            yield (
                line,
                FIELDS.get(name, "a field outside the core of HTTP, which whoever does not know it ignores"),
            )
        start = not line


def framing(method: str, head: ResponseHead) -> str:
    """How the reader knows where the body of a response ends."""
    if method == "HEAD":
        return "No body follows, since HEAD was asked (RFC 9112 §6.3, rule 1)."
    if head.status in (204, 304):
        return f"No body follows, since {head.status} has none (RFC 9112 §6.3, rule 1)."
    if head.fields.get("transfer-encoding") is not None:
        return "The body comes in chunks; one of length 0 ends it (RFC 9112 §6.3, rule 4)."
    length = head.fields.get("content-length")
    if length is not None:
        return f"The body is the next {length} octets (RFC 9112 §6.3, rule 6)."
    return "The body ends when the server closes the connection (RFC 9112 §6.3, rule 8)."


def afterwards(head: ResponseHead) -> str:
    """What becomes of the connection."""
    if head.persistent:
        return "The connection stays open for a next request (RFC 9112 §9.3)."
    return "The server closes the connection after this (RFC 9112 §9.6)."


def _of_start_line(line: str) -> str:
    first, _, rest = line.partition(" ")
    if first.startswith("HTTP/"):
        status = rest[:3]
        if not status.isdigit():
            return "should be a status line: HTTP/1.1, a status, a reason (RFC 9112 §4)"
        meaning = STATUSES.get(int(status)) or CLASSES.get(int(status) // 100, "no known class of status")
        return f"the status line: {meaning}"
    meaning = METHODS.get(first, "is a method of the server's own (RFC 9110 §9.1)")
    return f"the request line: {first} {meaning}"
