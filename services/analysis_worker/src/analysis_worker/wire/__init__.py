"""Translates between the domain's types and protobuf messages. Protobuf stops here."""
