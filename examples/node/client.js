// Submit a job, watch it to its end, and read an error.
//
// With the stack running (`make up`), in this folder:  npm install && node client.js

import { randomUUID } from "node:crypto";
import { promisify } from "node:util";
import grpc from "@grpc/grpc-js";
import { loadContract } from "./contract.js";

const contract = loadContract(new URL("../../protos/gen/image.binpb", import.meta.url));
const { JobService } = grpc.loadPackageDefinition(contract).bothsides.jobs.v1;

// Repeat what is safe to repeat, when nobody took it: reads, and creates that carry a request id.
const serviceConfig = {
  methodConfig: [
    {
      name: ["CreateJob", "GetJob"].map((method) => ({ service: "bothsides.jobs.v1.JobService", method })),
      retryPolicy: {
        maxAttempts: 5,
        initialBackoff: "0.1s",
        maxBackoff: "5s",
        backoffMultiplier: 3,
        retryableStatusCodes: ["UNAVAILABLE"],
      },
    },
  ],
};
const address = process.env.BOTHSIDES_SCHEDULER_ADDR ?? "127.0.0.1:50051";
const jobs = new JobService(address, grpc.credentials.createInsecure(), {
  "grpc.service_config": JSON.stringify(serviceConfig),
});

/** Make a unary call with a deadline of ten seconds. */
function call(method, request) {
  return promisify(jobs[method].bind(jobs))(request, { deadline: Date.now() + 10_000 });
}

/** Yield the messages of a watch; go on behind the last one when the connection is lost. */
async function* watch(jobId, patience = 20) {
  let token = "";
  for (let failures = 0; ; failures++) {
    try {
      const request = { job_id: jobId, resume_token: token, view: "JOB_VIEW_FULL" };
      for await (const message of jobs.watchJob(request)) {
        token = message.resume_token;
        failures = 0;
        yield message;
      }
      return;
    } catch (error) {
      if (error.code !== grpc.status.UNAVAILABLE || failures === patience) throw error;
      const pause = Math.random() * Math.min(5_000, 100 * 2 ** failures); // so that not all come back at once
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

/** Return the details of an error by type: ErrorInfo, BadRequest, RetryInfo, ResourceInfo and so on. */
function detailsOf(error) {
  const [packed] = error.metadata.get("grpc-status-details-bin");
  if (packed === undefined) return {}; // the transport failed, not the platform
  const { details } = contract["google.rpc.Status"].deserialize(packed);
  return Object.fromEntries(details.map((detail) => [detail["@type"].split(".").pop(), detail]));
}

const reflection = `I went into this debate sure that phones belong in a pocket. Her point about the lunch break
made me think again: I realised that I had never asked the quiet pupils. Next time I will ask before I argue,
because what I took for a question of freedom was for them one of company. I now see my own speech differently.`;
const job = await call("createJob", {
  job: { spec: { reflection_processing: { text: reflection } }, priority: "HIGH", labels: { from: "node" } },
  request_id: randomUUID(), // the same id makes the same job, however often it is sent
});
console.log(`created ${job.job_id} in ${job.queue}`);

for await (const message of watch(job.job_id)) {
  switch (message.event) {
    case "snapshot": // the job as it is: first, and once more when it is final
      console.log(`is ${message.snapshot.state}`);
      if (message.snapshot.result) console.log(`depth ${message.snapshot.result.reflection.depth}`);
      break;
    case "state_change":
      console.log(`moved to ${message.state_change.state}`);
      break;
    case "progress":
      console.log(`at ${message.progress.fraction}: ${message.progress.stage}`);
  }
}

try {
  await call("createJob", { job: { spec: {}, labels: { "Not a label": "" } } });
} catch (error) {
  const { ErrorInfo, BadRequest } = detailsOf(error);
  console.log(`${grpc.status[error.code]} ${ErrorInfo.reason}`);
  for (const { field, description } of BadRequest.field_violations) console.log(`  ${field}: ${description}`);
}
jobs.close();
