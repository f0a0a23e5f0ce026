import { join } from 'node:path';
import type { FlashTool } from '../package/target.js';

/** Writing a whole firmware with the target's own tool; which one, and its arguments, is data of the target. */

export interface FullFlash {
  tool: FlashTool;
  command: string;
  arguments: string[];
  /** The same as one line for a shell. */
  line: string;
  /** The file that is written, which the project's build makes; absent when the tool makes it. */
  image?: string;
  /** Where and how it is made. */
  folder: string;
  build?: string;
}

/**
 * @param port undefined when none was given; `{port}` then stays, and `needsPort` says so
 * @param project of those that the tool takes
 */
export function fullFlash(
  tool: FlashTool,
  directory: string,
  port?: string,
  project = tool.project,
): FullFlash & { needsPort: boolean } {
  const folder = join(directory, 'firmware', project);
  const image = tool.image === undefined ? undefined : join(folder, tool.image);
  const values: Record<string, string | undefined> = { port, project: folder, image };
  const fill = (text: string) => text.replace(/\{(port|project|image)\}/g, (all, name: string) => values[name] ?? all);
  const filled = tool.arguments.map(fill);
  return {
    tool,
    command: tool.command,
    arguments: filled,
    line: [tool.command, ...filled].map(quoted).join(' '),
    image,
    folder,
    build: tool.build,
    needsPort: port === undefined && tool.arguments.some((argument) => argument.includes('{port}')),
  };
}

/** For POSIX shells. */
function quoted(word: string): string {
  return /^[\w./:=@%+,{}-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
