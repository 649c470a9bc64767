"""`python -m sunbreak.cli`."""

import sys

from sunbreak.cli import main

if __name__ == "__main__":
    sys.exit(main())
