"""`python -m cxr_alert`, the same as `cxr-alert`."""

import sys

from cxr_alert.program import main

sys.exit(main())
