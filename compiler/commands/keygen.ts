import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { generateKeys, publicKeyHeader, readPublicKey } from '../deliver/image/keys.js';
import { PinnEdgeError } from '../diagnostics.js';
import { writeFileWhole } from '../host/write-file.js';
import { writeOut } from './output.js';

const OWNER_ONLY = 0o600;

export function keygenCommand(): Command {
  return new Command('keygen')
    .description('make an Ed25519 key pair for signed models')
    .option('-o, --out <prefix>', 'where to write: <prefix>.pem, <prefix>.pub.pem and <prefix>.h', 'model-key')
    .option('--force', 'overwrite an earlier key')
    .addHelpText(
      'after',
      `
  <prefix>.pem      the private key: keep it secret, and keep a copy; models are signed with it
  <prefix>.pub.pem  the public key: checks signatures
  <prefix>.h        the public key as a C header: firmware built with it takes only models signed with the private key

Examples:
  $ pinn-edge keygen
  $ pinn-edge flash build/esp32 --port /dev/ttyUSB0 --key model-key.pem`,
    )
    .action(run);
}

function run(options: { out: string; force?: boolean }): void {
  const file = `${options.out}.pem`;
  if (existsSync(file) && !options.force) {
    const reason = `${file} exists, and devices may know its public key; choose another name, or --force`;
    throw new PinnEdgeError('PE3005', { option: '--out', reason });
  }
  const { privateKey, publicKey } = generateKeys();
  writeFileWhole(file, privateKey, OWNER_ONLY);
  writeFileWhole(`${options.out}.pub.pem`, publicKey);
  writeFileWhole(`${options.out}.h`, publicKeyHeader(readPublicKey(file, publicKey)));
  writeOut(`${file}          private key: keep it secret, and keep a copy\n`);
  writeOut(`${options.out}.pub.pem      public key\n`);
  writeOut(`${options.out}.h            public key for the firmware\n`);
}
