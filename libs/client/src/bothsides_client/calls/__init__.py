"""The calls of the platform, one function each: arguments in, a value of `call` out. Nothing is sent here."""
