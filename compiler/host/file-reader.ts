import { PinnEdgeError } from '../diagnostics.js';

/** Read access to files, so that the stages need no disk. The commands pass Node's; tests pass a map. */
export interface FileReader {
  /** The bytes of `path`, or `undefined` when there is no such file. Throws for other failures. */
  read(path: string): Uint8Array | undefined;
  /** `name` resolved against the folder that holds `file`. */
  beside(file: string, name: string): string;
}

/** The bytes of a file that must be there. @throws PE1001 when it cannot be read, PE1003 when it is empty */
export function readBytes(file: string, files: FileReader): Uint8Array {
  let bytes: Uint8Array | undefined;
  try {
    bytes = files.read(file);
  } catch (error) {
    throw cannotRead(file, error);
  }
  if (!bytes) throw new PinnEdgeError('PE1001', { file, reason: REASONS.ENOENT });
  if (bytes.length === 0) throw new PinnEdgeError('PE1003', { file });
  return bytes;
}

const REASONS: Record<string, string> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'what should be its folder is a file',
  EISDIR: 'it is a folder, not a file',
  EACCES: 'there is no permission to read it',
};

/** What to throw where a file system has thrown `error`: PE1001. */
export function cannotRead(file: string, error: unknown): PinnEdgeError {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return new PinnEdgeError('PE1001', { file, reason: REASONS[code] ?? message });
}
