"""Fifty sets of request fields as browsers, tools and robots send them, in their order and lengths."""

_CHROME = (
    'sec-ch-ua: "Chromium";v="{v}", "Google Chrome";v="{v}", "Not_A Brand";v="24"',
    "sec-ch-ua-mobile: ?0",
    'sec-ch-ua-platform: "{platform}"',
    "Upgrade-Insecure-Requests: 1",
    "User-Agent: Mozilla/5.0 ({system}) {webkit} Chrome/{v}.0.0.0 Safari/537.36",
    "Accept: {html},image/avif,image/webp,image/apng,*/*;q=0.8",
    "Sec-Fetch-Site: same-origin",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-User: ?1",
    "Sec-Fetch-Dest: document",
    "Referer: http://127.0.0.1/{referer}",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Accept-Language: {language}",
)
_FIREFOX = (
    "User-Agent: Mozilla/5.0 ({system}; rv:{v}.0) Gecko/20100101 Firefox/{v}.0",
    "Accept: {html},*/*;q=0.8",
    "Accept-Language: {language}",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Referer: http://127.0.0.1/{referer}",
    "DNT: 1",
    "Connection: keep-alive",
    "Upgrade-Insecure-Requests: 1",
    "Sec-Fetch-Dest: document",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-Site: same-origin",
    "Priority: u=0, i",
)
_SAFARI = (
    "Accept: {html},*/*;q=0.8",
    "User-Agent: Mozilla/5.0 (iPhone; CPU iPhone OS 17_{minor} like Mac OS X) {webkit} Mobile/15E148",
    "Accept-Language: {language}",
    "Accept-Encoding: gzip, deflate",
    "Connection: keep-alive",
)
_PLAIN = (
    ("User-Agent: curl/8.{minor}.0", "Accept: */*"),
    ("User-Agent: Wget/1.21.{minor}", "Accept: */*", "Accept-Encoding: identity", "Connection: Keep-Alive"),
    (
        "User-Agent: python-requests/2.{v}.0",
        "Accept-Encoding: gzip, deflate",
        "Accept: */*",
        "Connection: keep-alive",
    ),
    ("User-Agent: healthcheck/1.{minor} Go-http-client/1.1", "Accept-Encoding: gzip"),
    (
        "Connection: keep-alive",
        "Accept: {html},application/signed-exchange;v=b3;q=0.7,*/*;q=0.8",
        "From: robot(at)example.com",
        "User-Agent: Mozilla/5.0 (compatible; Examplebot/2.{minor}; +http://www.example.com/bot.html)",
        "Accept-Encoding: gzip, deflate, br",
    ),
)
_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
_HTML = "text/html,application/xhtml+xml,application/xml;q=0.9"
_SYSTEMS = (
    ("Windows", "Windows NT 10.0; Win64; x64"),
    ("Linux", "X11; Linux x86_64"),
    ("macOS", "Macintosh; Intel Mac OS X 10_15_7"),
)
_LANGUAGES = (
    "en-US,en;q=0.9",
    "de,en-US;q=0.7,en;q=0.3",
    "fr-FR,fr;q=0.9,en-US;q=0.8,en;q=0.7",
    "ja",
    "pt-BR,pt;q=0.9",
)
_COOKIES = (
    "",
    "theme=dark",
    "session=0123456789abcdef0123456789abcdef; theme=light; seen=1795358159",
    "_ga=GA1.1.1234567890.1795358159; consent=" + "a1b2c3d4" * 24 + "; session=" + "f" * 64,
)


def _head(number: int) -> str:
    # Of ten clients seven are browsers; the version alone makes each head one of its kind.
    kind = number % 10
    if kind < 4:
        fields: tuple[str, ...] = _CHROME
    elif kind < 7:
        fields = _FIREFOX if kind < 6 else _SAFARI
    else:
        fields = _PLAIN[number % len(_PLAIN)]
    platform, system = _SYSTEMS[number % len(_SYSTEMS)]
    lines = [
        line.format(
            v=100 + number,
            minor=number,
            html=_HTML,
            webkit=_WEBKIT,
            platform=platform,
            system=system,
            referer="rotation/" if number % 4 else f"search?q={'static+server+' * (number % 7 + 1)}",
            language=_LANGUAGES[number // 3 % len(_LANGUAGES)],
        )
        for line in fields
    ]
    cookie = _COOKIES[number // 7 % len(_COOKIES)]
    if cookie and kind < 7:
        lines.append(f"Cookie: {cookie}")
    if number % 6 == 5:
        lines.append("Cache-Control: no-cache")
    return "\r\n".join(["Host: 127.0.0.1", *lines, "", ""])


# Each ends with the empty line, ready to stand behind a request line.
HEADS = tuple(_head(number) for number in range(50))
