"""Serve a network: `python -m serving --model FILE` answers films on http://127.0.0.1:8080."""

import argparse
import sys

from serving import server


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m serving", description=__doc__)
    parser.add_argument(
        "serve", nargs="?", choices=["serve"], help="the argument that SageMaker passes"
    )
    server.add_options(parser)
    return server.run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
