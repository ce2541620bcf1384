"""`python -m feecalc`: the command line."""

from feecalc.cli import main

main()
