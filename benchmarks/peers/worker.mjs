// Works on jobs until killed: node worker.mjs URL nothing|progress
import { Worker } from 'bullmq';
import { QUEUE, connect } from './connect.mjs';

const [url, work] = process.argv.slice(2);
const updates = work === 'progress' ? 10 : 0;
const worker = new Worker(
  QUEUE,
  async (job) => {
    for (let i = 0; i < updates; i += 1) await job.updateProgress((100 * i) / updates);
  },
  { connection: connect(url), concurrency: 50 },
);
await worker.waitUntilReady();
console.log('ready');
