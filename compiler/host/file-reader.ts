/** Read access to files, so that the stages need no disk. The commands pass Node's; tests pass a map. */
export interface FileReader {
  /** The bytes of `path`, or `undefined` when there is no such file. Throws for other failures. */
  read(path: string): Uint8Array | undefined;
  /** `name` resolved against the folder that holds `file`. */
  beside(file: string, name: string): string;
}
