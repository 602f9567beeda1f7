"""The page's own files, and the headers that protect it. The files contain no personal data."""

from pathlib import Path

from worklist.rules.review import WrongRequest

_HERE = Path(__file__).parent / "page"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FILES = {file.name: file for file in _HERE.iterdir() if file.suffix in _TYPES}


def read_page_file(name: str) -> tuple[str, str]:
    """Return the content type and the text of one of the page's files."""
    file = _FILES.get(name or "index.html")
    if file is None:
        raise WrongRequest(f"The page has no file {name}.")
    return _TYPES[file.suffix], file.read_text()


def page_headers(login_address: str) -> dict[str, str]:
    """Return headers by which the browser runs only the page and sends nothing elsewhere."""
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' blob:",
        "connect-src": f"'self' {login_address}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {what}" for name, what in policy.items()),
        "Cache-Control": "no-cache",
        **COMMON_HEADERS,
    }


COMMON_HEADERS = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Strict-Transport-Security": "max-age=31536000",
}
