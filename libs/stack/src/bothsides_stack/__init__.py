"""The whole of bothsides-jobs on one machine: an embedded server and the three services, supervised.

Starts the services as programs and never imports them; speaks to them only as a client does.
"""
