"""`python -m evonas` and the console script."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line."""
    try:
        from evonas.cli import app
    except KeyboardInterrupt:
        sys.exit(130)
    app(prog_name="evonas")


if __name__ == "__main__":
    main()
