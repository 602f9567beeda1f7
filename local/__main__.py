"""`python -m local`."""

import sys

try:
    from local.cli import main

    status = main()
except KeyboardInterrupt:  # before the command could begin
    status = 130
sys.exit(status)
