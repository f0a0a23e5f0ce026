import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type FullFlash, fullFlash } from '../deliver/device/full.js';
import { loadBuild } from '../deliver/package/store.js';
import type { FlashTool, Target } from '../deliver/package/target.js';
import { loadTarget } from '../deliver/package/targets.js';
import { EXIT, PinnEdgeError } from '../diagnostics.js';
import { writeNote, writeOut } from './output.js';

/** `flash --full`: the whole firmware, by the target's own tool. */

export interface FullOptions {
  port?: string;
  tool?: string;
  agent?: boolean;
  target?: string;
  dryRun?: boolean;
  json?: boolean;
}

export function flashFull(directory: string, options: FullOptions): void {
  const target = loadTarget(options.target ?? targetOf(directory));
  const tool = chooseTool(target, options.tool, options.agent);
  const plan = fullFlash(tool, directory, options.port, options.agent ? tool.updateProject : tool.project);
  if (!options.target) requireProject(directory, plan);
  if (!options.agent) writeNote(withoutAgent(target, tool));
  if (plan.needsPort && !options.dryRun) {
    throw new PinnEdgeError('PE3005', { option: '--port', reason: `is missing: ${plan.line}` });
  }
  const { build, folder, image, line } = plan;
  if (options.json)
    writeOut(
      `${JSON.stringify({ agent: options.agent === true, command: plan.command, arguments: plan.arguments, build, folder, image })}\n`,
    );
  if (options.dryRun) {
    if (!options.json) writeOut(`${build ? `(cd ${folder} && ${build})\n` : ''}${line}\n`);
    return;
  }
  if (!options.json) writeOut(`${line}\n`);
  run(plan);
}

/** What the firmware will not do, said before it is written. */
function withoutAgent({ flashTools }: Target, { name, project, updateProject }: FlashTool): string {
  const other = flashTools.find((tool) => tool.updateProject !== undefined);
  const way = updateProject
    ? `with --agent ${updateProject} is written instead`
    : other
      ? `with --tool ${other.name} --agent ${other.updateProject} is written instead`
      : 'docs/updates.md says how to put the agent into an application of your own';
  return `${project}, which ${name} writes, has no update agent: pinn-edge flash will not reach the device afterwards; ${way}`;
}

/** The target of a build lies in it: it may be one of the user's own. */
function targetOf(directory: string): string {
  const { report } = loadBuild(directory);
  const own = join(directory, 'target.json');
  return existsSync(own) ? own : report.target;
}

/** Builds of the engine `c` are sources for a project of the user's own. */
function requireProject(directory: string, { folder, tool }: FullFlash): void {
  if (loadBuild(directory).report.engine !== 'c' || existsSync(folder)) return;
  throw new PinnEdgeError('PE9034', { directory, tool: tool.name, project: tool.project });
}

/** The one that was asked for, or the first that is installed, or the first. */
function chooseTool({ name, flashTools: all }: Target, wanted?: string, agent = false): FlashTool {
  if (!all.length) throw new PinnEdgeError('PE9030', { target: name });
  const flashTools = agent ? all.filter(({ updateProject }) => updateProject !== undefined) : all;
  if (!flashTools.length) throw new PinnEdgeError('PE9035', { target: name });
  if (wanted === undefined) return flashTools.find(({ command }) => isInstalled(command)) ?? flashTools[0];
  const tool = flashTools.find((candidate) => candidate.name === wanted);
  const names = flashTools.map((candidate) => candidate.name).join(', ');
  if (!tool) throw new PinnEdgeError('PE3005', { option: '--tool', reason: `${name} has ${names}, found ${wanted}` });
  return tool;
}

function isInstalled(command: string): boolean {
  const { error } = spawnSync(command, ['--version'], { stdio: 'ignore', timeout: 20_000 });
  return (error as NodeJS.ErrnoException | undefined)?.code !== 'ENOENT';
}

function run({ tool, command, arguments: args, line, image, folder, build }: FullFlash): void {
  if (!isInstalled(command)) throw new PinnEdgeError('PE9031', { tool: tool.name, command, install: tool.install });
  if (image !== undefined && !existsSync(image)) {
    throw new PinnEdgeError('PE9032', { image, build: `(cd ${folder} && ${build ?? 'build the project'})` });
  }
  const { status, signal } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) {
    throw new PinnEdgeError(
      'PE9033',
      { line, how: status === null ? String(signal) : `exit code ${status}` },
      EXIT.checkFailed,
    );
  }
}
