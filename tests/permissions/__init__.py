"""Which function of a deployment asks AWS for what, as the tests have it, held against its policy."""
