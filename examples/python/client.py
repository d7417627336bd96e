"""Analyse a debate: put it, submit a job, watch the job, read its result.

With the stack running (`make up`): .venv/bin/python examples/python/client.py examples/school_phones.json
"""

import os
import sys

from bothsides.jobs import v1 as pb
from bothsides_client.client import Client
from bothsides_client.errors import RequestFailed
from bothsides_client.transcripts import read_transcript

with Client(os.environ.get("BOTHSIDES_SCHEDULER_ADDR", "127.0.0.1:50051")) as client:
    debate = client.put_conversation(read_transcript(sys.argv[1]))
    spec = pb.TranscriptAnalysisSpec(conversation_id=debate.conversation_id)
    job = client.create_job(pb.Job(spec=pb.JobSpec(transcript_analysis=spec), labels={"from": "example"}))

    for message in client.watch_job(job.job_id, full=True):  # survives restarts and lost connections
        if message.HasField("progress"):
            print(f"{message.progress.fraction:4.0%} {message.progress.stage}")
        elif message.HasField("snapshot"):
            job = message.snapshot  # the last message is the job in its final state

    print(f"{pb.Job.State.Name(job.state)}: tone {job.result.analysis.tone.overall.value:+.2f}")
    try:
        client.cancel_job(job.job_id)
    except RequestFailed as error:
        print(f"{error.reason}: {error}")
