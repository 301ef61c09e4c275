"""`python -m tinct` is `tinct`."""

from tinct.cli import main

main()
