"""The views of the Collections page, a module each."""
