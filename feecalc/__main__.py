"""`python -m feecalc`: the command line."""

from feecalc.cli import run

run()
