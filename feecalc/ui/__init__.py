"""The pages: widgets and pictures. No arithmetic; every number comes from feecalc.api and feecalc.quote."""
