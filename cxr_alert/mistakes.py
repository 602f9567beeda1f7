"""Turn errors of the system into a sentence: what was wrong, where, and what to do."""

import errno
import importlib.util

# Remedies for errors with a text that does not say what to do.
_REMEDIES = {
    errno.ENOSPC: "free some space there, or choose another place for the result",
    errno.EDQUOT: "free some space there, or choose another place for the result",
    errno.EROFS: "choose a place that can be written",
    errno.EACCES: "give yourself access to it, or choose another",
    errno.EPERM: "give yourself access to it, or choose another",
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "check the path: a part of it is a file",
    errno.EISDIR: "name a file, not a folder",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "its links lead in a circle: remove one of them",
    errno.EMFILE: "allow more open files, e.g. by `ulimit -n 4096`",
}
_OURS = (
    "cxr_alert",
    "training",
    "intake",
    "imaging",
    "results",
    "serving",
    "screening",
    "laboratory",
)
# Commands that install the packages that `make up` leaves out.
_INSTALLED_BY = {"sagemaker": "make cloud"}


def sentence_of(error: Exception) -> str | None:
    """Return a sentence for an error that the user can correct, or None for other errors.

    These are missing packages, files that can't be read or written, text in another encoding, and
    lack of memory.
    """
    if isinstance(error, ImportError):
        return _missing(error)
    if isinstance(error, OSError):
        return _refused(error)
    if isinstance(error, UnicodeEncodeError):
        name = ascii(error.object[max(0, error.start - 40) : error.end + 40])
        return f"The text {name} can't be written as {error.encoding}: rename that file or folder."
    if isinstance(error, UnicodeDecodeError):
        return (
            f"A file that should hold text is not {error.encoding} "
            f"(byte {error.start + 1}: {error.reason}): save it as UTF-8."
        )
    if isinstance(error, MemoryError):
        return "The machine's memory ran out: close other programs, or take fewer films at once."
    return None


def _missing(error: ImportError) -> str | None:
    package = (error.name or "").partition(".")[0]
    if not package or package in _OURS or _is_installed(package):
        return None
    how = _INSTALLED_BY.get(package, "make build/.training")
    return f"This command needs {package}, which is not installed: `{how}` installs it."


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def _refused(error: OSError) -> str:
    where = next((str(each) for each in (error.filename2, error.filename) if each), "")
    why = error.strerror or str(error) or type(error).__name__
    remedy = _REMEDIES.get(error.errno or 0)
    what = f"{ascii(where)[1:-1] if not where.isprintable() else where}: {why}" if where else why
    return f"{what}; {remedy}." if remedy else f"{what}."
