"""The command line: `deepbiq VERB`."""
