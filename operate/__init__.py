"""What an operator types: `python -m operate --help`.

The commands go wherever the AWS SDK's own settings point: an account, or the local application
after `. build/local/aws.env`. They read films, ask the endpoint and keep records by the function's
own modules, so its bundle is on the path.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "functions"))
