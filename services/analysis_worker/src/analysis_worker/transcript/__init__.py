"""How one transcript is analysed: in which order, on which child processes, and with what told on the way."""
