// A connection as BullMQ wants it.
import { Redis } from 'ioredis';

export const QUEUE = 'bench';
export const connect = (url) => new Redis(url, { maxRetriesPerRequest: null });
