"""`Site`: the answer that serves files under their owner's rules."""

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote

from netlab.http.message import Fields, Request, Response
from netlab.http.rules import Rules
from netlab.http.target import parse_path


class Site:
    """
    Answer from *files* as *rules* say; the rules may be exchanged between two requests.

    Redirects, passwords and preflights come before the files, fields and error pages after them.
    """

    def __init__(self, files: Callable[[Request], Response], rules: Rules) -> None:
        self.rules = rules
        self._files = files

    def __call__(self, request: Request) -> Response:
        """Answer. Raises: Malformed: the target names no path."""
        if request.target == "*":  # the whole server, not a path
            return self._files(request)
        path = parse_path(request.target).decoded
        response = self.rules.before(request, path)
        if response is None:
            path, response = self._found(request, path)
        page = self.rules.error_page(response.status)
        if page is not None:
            response = self._with_page(response, page)
        return self.rules.after(request, path, response)

    def _found(self, request: Request, path: str) -> tuple[str, Response]:
        """The path that is served, which may be the application's page, and its response."""
        response = self._files(request)
        if response.status != 404 or self.rules.spa is None:
            return path, response
        instead = self.rules.fallback(request, path)
        if instead is not None:
            response.close()
            page = request._replace(target=quote(instead))
            path, response = instead, self.rules.before(page, instead) or self._files(page)
        # Whether it is the page or a 404 depends on what the client accepts.
        return path, replace(response, fields=Fields((*response.fields, ("Vary", "Accept"))))

    def _with_page(self, response: Response, page: str) -> Response:
        """The same status, told by the owner's page where that can be had."""
        found = self._files(Request("GET", quote(page), (1, 1)))
        if found.status != 200:
            found.close()
            return response
        response.close()
        types = [("Content-Type", value) for value in found.fields.all("content-type")]
        kept = [line for line in response.fields if line[0].lower() != "content-type"]
        return Response(response.status, Fields((*types, *kept)), found.body)
