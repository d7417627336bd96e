"""A file store by URL, for the arguments of large messages: what is in a file, where it is, and when."""
