"""`python -m l2send`."""

from l2send.cli.main import main

if __name__ == "__main__":
    main()
