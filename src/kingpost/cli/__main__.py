"""Makes `python -m kingpost.cli` the same as `kingpost`, so that one command can start another."""

from kingpost.cli.entry import main

main()
