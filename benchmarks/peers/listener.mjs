// Counts the events of the queue until killed; the last line says how many: node listener.mjs URL
import { QueueEvents } from 'bullmq';
import { QUEUE, connect } from './connect.mjs';

const events = new QueueEvents(QUEUE, { connection: connect(process.argv[2]) });
let count = 0;
for (const name of ['active', 'progress', 'completed']) events.on(name, () => (count += 1));
await events.waitUntilReady();
console.log('ready');
setInterval(() => console.log(count), 200);
