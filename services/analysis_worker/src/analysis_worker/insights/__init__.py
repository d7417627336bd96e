"""How learning insights are made: what is read, and on which child process it is computed."""
