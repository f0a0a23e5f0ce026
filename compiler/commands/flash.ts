import type { KeyObject } from 'node:crypto';
import { Command } from 'commander';
import type { DeviceClient, DeviceInfo } from '../deliver/device/client.js';
import { SLOT } from '../deliver/device/protocol.js';
import { requireSameAnswers, requireSuitable, runningModel, targetName } from '../deliver/device/session.js';
import { sendImage, type UpdateFigures } from '../deliver/device/update.js';
import { readImage } from '../deliver/image/image.js';
import { readPrivateKey, signImage } from '../deliver/image/keys.js';
import { goldenVectors } from '../deliver/package/golden.js';
import { type LoadedBuild, loadBuild } from '../deliver/package/store.js';
import { EXIT, PinnEdgeError } from '../diagnostics.js';
import { readText } from '../host/node-files.js';
import { requireValidTable } from '../table/check.js';
import { type PortOptions, progressBar, readImageFile, withDevice, withPortOptions } from './device-options.js';
import { flashFull } from './flash-full.js';
import { bytes, count, writeOut } from './output.js';

/** The options, and the private key that one of them names. */
type Flash = FlashOptions & { signer?: KeyObject };

interface FlashOptions extends PortOptions {
  key?: string;
  force?: boolean;
  dryRun?: boolean;
  json?: boolean;
  full?: boolean;
  tool?: string;
  agent?: boolean;
  target?: string;
}

/** The running model is asked for an answer each time that so many bytes were sent. */
const QUERY_EVERY_BYTES = 2048;

export function flashCommand(): Command {
  return withPortOptions(new Command('flash'))
    .description('send the model of a build to a running device, which goes on answering meanwhile')
    .argument('<build>', 'folder that pinn-edge build wrote')
    .option('--key <file>', 'private key to sign the image with (see: pinn-edge keygen)')
    .option('--force', 'also send a lower version than the one that runs, or the very image that runs')
    .option('--full', "write the whole firmware with the target's own tool (esptool, picotool, openocd, ...)")
    .option('--tool <name>', 'with --full: which of the tools of the target')
    .option('--agent', 'with --full: the project with the update agent, which pinn-edge flash reaches afterwards')
    .option('--target <name>', 'with --full: name or target.json of the target (default: that of the build)')
    .option('--dry-run', 'connect and check, but send nothing; with --full: only show the commands')
    .option('--json', 'print what happened as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ pinn-edge flash build/esp32 --port /dev/ttyUSB0
  $ pinn-edge flash build/esp32 --port tcp:192.168.0.7:3333 --key model-key.pem
  $ pinn-edge flash build/esp32 --port COM3 --dry-run
  $ pinn-edge flash build/esp32 --full --port /dev/ttyUSB0`,
    )
    .action(run);
}

async function run(directory: string, options: FlashOptions): Promise<void> {
  if (options.full) return flashFull(directory, options);
  const build = loadBuild(directory);
  const unsigned = readImageFile(directory, true);
  const key = options.key ? readPrivateKey(options.key, readText(options.key)) : undefined;
  const image = key ? signImage(unsigned, key) : unsigned;
  readImage(`${directory}/model.img`, image);
  await withDevice(options, (client) => flash(client, build, image, { ...options, signer: key }));
}

async function flash(client: DeviceClient, build: LoadedBuild, image: Uint8Array, options: Flash): Promise<void> {
  const say = options.json ? () => {} : writeOut;
  const header = readImage('model.img', image);
  const before = await client.hello();
  say(`${targetName(before.targetClass)} on ${options.port}: runs ${runningModel(before)}\n`);
  requireSuitable(before, image, { force: options.force, target: build.report.target });
  const what = `"${build.report.name}" version ${header.version}, ${bytes(image.length)}${header.signed ? ', signed' : ''}`;
  if (options.dryRun) {
    say(`would send ${what}; the device would take it as far as this can be told without sending it\n`);
    if (options.json) writeOut(`${JSON.stringify({ dryRun: true, before, image: header }, null, 2)}\n`);
    return;
  }
  const runsAlready = before.imageCrc === header.crc && !options.force;
  const sent = runsAlready ? undefined : await send(client, before, image, options);
  if (runsAlready) say(`  it runs ${what} already; nothing was sent\n`);
  const after = await client.hello();
  requireMine(after, header.crc, client);
  const table = requireValidTable(build.runnable.table);
  const inputs = Int32Array.from(goldenVectors(build.model, table).inputWords.flat());
  await requireSameAnswers(client, after, build, inputs);
  const points = inputs.length / after.inputCount;
  if (sent) say(summary(sent));
  say(`  ${count(points)} golden vectors evaluated on the device, every bit as built\n`);
  say(`  runs ${runningModel(after)}\n`);
  if (options.json) {
    const { figures, queries, seconds } = sent ?? {};
    writeOut(`${JSON.stringify({ before, after, image: header, figures, queries, seconds, points }, null, 2)}\n`);
  }
}

/** @throws PE9026 when something else runs than what this command has found or sent */
function requireMine(info: DeviceInfo, crc: number, { transport }: DeviceClient): void {
  if (info.imageCrc !== crc) throw new PinnEdgeError('PE9026', { port: transport.name });
}

interface Sent {
  figures: UpdateFigures;
  /** Answers of the model of before while the other one was sent; its output words for inputs of zero. */
  queries: { count: number; outputs: number[] };
  seconds: number;
}

async function send(client: DeviceClient, before: DeviceInfo, image: Uint8Array, options: Flash): Promise<Sent> {
  const start = Date.now();
  const queries: Sent['queries'] = { count: 0, outputs: [] };
  const query = async () => {
    const { outputs } = await client.evaluate(before, new Int32Array(before.inputCount));
    if (queries.count > 0 && outputs.some((word, i) => word !== queries.outputs[i])) {
      requireMine(await client.hello(), before.imageCrc, client);
      throw new PinnEdgeError('PE9024', { found: queries.outputs.join(' '), now: outputs.join(' ') }, EXIT.checkFailed);
    }
    queries.outputs = [...outputs];
    queries.count++;
  };
  const figures = await sendImage(client, image, {
    force: options.force,
    key: options.signer,
    onProgress: options.json ? undefined : progressBar('send'),
    between: before.slot === SLOT.NONE ? undefined : { bytes: QUERY_EVERY_BYTES, run: query },
  });
  return { figures, queries, seconds: (Date.now() - start) / 1000 };
}

function summary({ figures, queries, seconds }: Sent): string {
  const resumed = figures.resumedAt ? `, resumed at byte ${count(figures.resumedAt)}` : '';
  const repeats = figures.repeats
    ? `, ${count(figures.repeats)} of ${count(figures.requests + figures.repeats)} packets sent again`
    : '';
  const answered = queries.count
    ? `; the model of before answered ${count(queries.count)} ${queries.count === 1 ? 'query' : 'queries'} meanwhile, all alike`
    : '';
  return `  sent and committed in ${seconds.toFixed(1)} s${resumed}${repeats}${answered}\n`;
}
