"""The narrative of insights by a model: what is sent, what may come back, and what is made of it."""
