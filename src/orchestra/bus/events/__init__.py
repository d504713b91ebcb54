"""Events that are kept: published, listed, told of over HTTP."""
