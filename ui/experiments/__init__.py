"""The views of the Experiments page, a module each."""
