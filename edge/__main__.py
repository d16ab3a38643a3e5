"""`python -m edge` is `menkou-edge`; the supervisor starts its parts this way."""

import sys

from edge.cli import main

if __name__ == "__main__":
    sys.exit(main())
