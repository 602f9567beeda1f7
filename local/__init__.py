"""The whole application on this machine: a cloud emulator, the model container, the real template.

`with stack.running(Settings(...)) as running:` is the way in for tests and benchmarks,
`python -m local demo|up|down|alerts` the way in for people.
"""

import sys
from pathlib import Path

# The records are read by the function's own module.
sys.path.append(str(Path(__file__).parents[1] / "functions"))
