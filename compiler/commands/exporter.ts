import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { PinnEdgeError } from '../diagnostics.js';
import { PACKAGE_ROOT } from '../host/package-root.js';
import { writeFileWhole } from '../host/write-file.js';
import { writeOut } from './output.js';

const NAME = 'pinn_edge_export';

export function exporterCommand(): Command {
  return new Command('exporter')
    .description(
      `write ${NAME}, which exports networks from DeepXDE, PyTorch, Keras and JAX programs, transforms included`,
    )
    .option('-o, --out <folder>', 'where to write it: beside the script that trains', '.')
    .option('--force', 'overwrite files of these names that are other ones')
    .addHelpText(
      'after',
      `
A folder of Python files that need nothing beyond the framework; pip installs the same from the folder python/ of the
repository. In the script that trains:

  from ${NAME} import export_deepxde, build, show
  export_deepxde(model, "model.json")
  show(build("model.json", target="esp32", tol=1e-3))

Examples:
  $ pinn-edge exporter
  $ pinn-edge exporter -o training`,
    )
    .action(run);
}

function run({ out, force }: { out: string; force?: boolean }): void {
  const source = join(PACKAGE_ROOT, 'python', NAME);
  const files = readdirSync(source)
    .filter((name) => name.endsWith('.py'))
    .map((name) => ({ file: join(out, NAME, name), text: readFileSync(join(source, name), 'utf8') }));
  for (const { file, text } of files) {
    if (!existsSync(file) || force || readFileSync(file, 'utf8') === text) continue;
    const reason = `${file} is there and is not the one of this version; choose another folder, or --force`;
    throw new PinnEdgeError('PE3005', { option: '--out', reason });
  }
  for (const { file, text } of files) writeFileWhole(file, text);
  writeOut(
    `${join(out, NAME)}/\n  next, in the script that trains: from ${NAME} import export_torch   (or export_deepxde, export_keras, export_flax, export_equinox, export_jax)\n`,
  );
}
