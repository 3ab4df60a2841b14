"""`python -m evonas` and the console script."""

from evonas.cli import app


def main() -> None:
    """Runs the command line."""
    app(prog_name="evonas")


if __name__ == "__main__":
    main()
