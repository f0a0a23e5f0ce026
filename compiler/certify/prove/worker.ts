import { parentPort, workerData } from 'node:worker_threads';
import type { Orders } from './element-bounds.js';
import { boundBox, pairOf, type Subject } from './evaluator.js';
import type { Box } from './search.js';

/** A thread that bounds boxes for {@link threadPool}. */
const { subject, orders } = workerData as { subject: Subject; orders: Orders };
const pair = pairOf(subject, orders);
parentPort!.on('message', (boxes: readonly Box[]) => {
  parentPort!.postMessage(boxes.map((box) => boundBox(pair, box)));
});
