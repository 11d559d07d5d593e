"""`python -m clmdeploy`: the same as the console script."""

from clmdeploy.cli.main import main

main()
