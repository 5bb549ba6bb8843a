"""`python -m deepbiq`: the command line without its script on the PATH."""

from deepbiq.cli.main import main

main()
