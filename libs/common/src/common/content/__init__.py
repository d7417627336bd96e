"""What is hostile in a text, and what is to be done with it."""
