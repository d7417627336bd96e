"""Read a debate from a file: our JSON, WebVTT, SRT, or plain "Name: text".

`read_transcript` is the whole interface. Whatever the bytes, it returns a conversation that the server
would take, or raises a `TranscriptError` that names the line and the way out; it refuses to guess at
what it cannot read, and never quotes the text.
"""

from bothsides_client.transcripts.read import MAX_BYTES, read_transcript
from bothsides_client.transcripts.sniff import FORMATS

__all__ = ["FORMATS", "MAX_BYTES", "read_transcript"]
