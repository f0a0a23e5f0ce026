import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { readImage } from '../deliver/image/image.js';
import { isSignedBy, readPrivateKey, readPublicKey, signImage } from '../deliver/image/keys.js';
import { EXIT, PinnEdgeError } from '../diagnostics.js';
import { readText } from '../host/node-files.js';
import { writeFileWhole } from '../host/write-file.js';
import { readImageFile } from './device-options.js';
import { writeOut } from './output.js';

interface SignOptions {
  key: string;
  out?: string;
  check?: boolean;
}

export function signCommand(): Command {
  return new Command('sign')
    .description('sign the model image of a build, or check its signature')
    .argument('<image>', 'folder that pinn-edge build wrote, or a model image')
    .requiredOption('--key <file>', 'private key (with --check the public one does, too)')
    .option('-o, --out <file>', 'where to write the signed image (default: in its place)')
    .option('--check', 'only say whether the image is signed with this key; exit code 1 when it is not')
    .addHelpText(
      'after',
      `
Examples:
  $ pinn-edge sign build/esp32 --key model-key.pem
  $ pinn-edge sign build/esp32 --key model-key.pub.pem --check`,
    )
    .action(run);
}

function run(path: string, options: SignOptions): void {
  const isBuild = existsSync(path) && statSync(path).isDirectory();
  const file = isBuild ? join(path, 'model.img') : path;
  const image = readImageFile(path, isBuild);
  const { signed, version } = readImage(file, image);
  const pem = readText(options.key);
  if (options.check) {
    if (!signed || !isSignedBy(image, readPublicKey(options.key, pem))) {
      throw new PinnEdgeError(
        'PE9004',
        { file, key: options.key, how: signed ? 'with another key' : 'not at all' },
        EXIT.checkFailed,
      );
    }
    writeOut(`${file} (version ${version}) is signed with ${options.key}\n`);
    return;
  }
  const target = options.out ?? file;
  writeFileWhole(target, signImage(image, readPrivateKey(options.key, pem)));
  writeOut(`${target} (version ${version}) is signed\n`);
}
