"""`alexnet` and `python -m alexnet`: hands over to the command line."""

from __future__ import annotations


def main() -> None:
    """Runs the command line; the exit status is the process's."""
    from alexnet.cli import run

    run()


if __name__ == "__main__":
    main()
