"""What a file's name says of its content: the value of ``Content-Type`` (RFC 9110 §8.3)."""

_TEXT = "; charset=utf-8"

MEDIA_TYPES = {
    "": "application/octet-stream",
    "7z": "application/x-7z-compressed",
    "avif": "image/avif",
    "bmp": "image/bmp",
    "bz2": "application/x-bzip2",
    "c": "text/plain" + _TEXT,
    "css": "text/css" + _TEXT,
    "csv": "text/csv" + _TEXT,
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "epub": "application/epub+zip",
    "flac": "audio/flac",
    "gif": "image/gif",
    "gz": "application/gzip",
    "h": "text/plain" + _TEXT,
    "htm": "text/html" + _TEXT,
    "html": "text/html" + _TEXT,
    "ico": "image/vnd.microsoft.icon",
    "ics": "text/calendar" + _TEXT,
    "jar": "application/java-archive",
    "java": "text/plain" + _TEXT,
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "js": "text/javascript" + _TEXT,
    "json": "application/json",
    "jsonld": "application/ld+json",
    "log": "text/plain" + _TEXT,
    "m4a": "audio/mp4",
    "map": "application/json",
    "md": "text/markdown" + _TEXT,
    "mid": "audio/midi",
    "mjs": "text/javascript" + _TEXT,
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "odp": "application/vnd.oasis.opendocument.presentation",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odt": "application/vnd.oasis.opendocument.text",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "ogv": "video/ogg",
    "opus": "audio/ogg",
    "otf": "font/otf",
    "pdf": "application/pdf",
    "png": "image/png",
    "ppt": "application/vnd.ms-powerpoint",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "py": "text/x-python" + _TEXT,
    "rar": "application/vnd.rar",
    "rst": "text/x-rst" + _TEXT,
    "rtf": "application/rtf",
    "sh": "text/x-shellscript" + _TEXT,
    "svg": "image/svg+xml" + _TEXT,
    "tar": "application/x-tar",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "toml": "application/toml",
    "ttf": "font/ttf",
    "txt": "text/plain" + _TEXT,
    "vtt": "text/vtt" + _TEXT,
    "wasm": "application/wasm",
    "wav": "audio/wav",
    "webm": "video/webm",
    "webmanifest": "application/manifest+json",
    "webp": "image/webp",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "xhtml": "application/xhtml+xml",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xml": "application/xml",
    "yaml": "application/yaml",
    "yml": "application/yaml",
    "zip": "application/zip",
    "zst": "application/zstd",
}


def media_type(name: str) -> str:
    """The media type of a file called *name*, with its charset where it is text."""
    stem, dot, extension = name.rpartition(".")
    return MEDIA_TYPES.get(extension.lower() if dot and stem else "", MEDIA_TYPES[""])


def is_text(content_type: str) -> bool:
    """People can read content of this type on a terminal."""
    essence = content_type.partition(";")[0].strip().lower()
    return essence.startswith("text/") or essence.endswith(("json", "xml", "yaml", "toml", "javascript"))
