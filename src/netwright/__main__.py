"""`python -m netwright` is the `netwright` command."""

from __future__ import annotations

import sys

from netwright.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
