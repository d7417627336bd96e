"""A fleet of real processes under fire, and the means to count afterwards."""
