// Queues jobs: node fill.mjs URL COUNT
import { Queue } from 'bullmq';
import { QUEUE, connect } from './connect.mjs';

const [url, count] = process.argv.slice(2);
const connection = connect(url);
const queue = new Queue(QUEUE, { connection });
for (let from = 0; from < Number(count); from += 1000) {
  const length = Math.min(1000, Number(count) - from);
  await queue.addBulk(Array.from({ length }, (_, i) => ({ name: 'nothing', data: { number: from + i } })));
}
await queue.close();
connection.disconnect();
