"""Build every template once, before each worker of `make test` would do so for itself."""

import tempfile
from pathlib import Path

from cxr_alert.local import build


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        (state / "tmp").mkdir()
        templates = (build.APPLICATION, build.WORKLIST, build.RESULTS, build.DRIFT)
        begun = [build.start(each, state) for each in templates]
        for each in begun:
            build.wait(each, state)


if __name__ == "__main__":
    main()
