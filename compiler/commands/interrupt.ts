import { writeNote } from './output.js';

/** The first Ctrl-C asks for the best so far; what Ctrl-C does otherwise waits until then. */
export class Interrupt {
  requested = false;
  private readonly others = process.listeners('SIGINT');
  private readonly listener = () => {
    this.requested = true;
    writeNote('\nstopping: the best so far is kept; once more to end at once');
    this.dispose();
  };

  constructor() {
    for (const other of this.others) process.removeListener('SIGINT', other);
    process.on('SIGINT', this.listener);
  }

  dispose(): void {
    if (!process.listeners('SIGINT').includes(this.listener)) return;
    process.removeListener('SIGINT', this.listener);
    for (const other of this.others) process.on('SIGINT', other);
  }
}
