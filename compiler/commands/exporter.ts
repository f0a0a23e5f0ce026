import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { PinnEdgeError } from '../diagnostics.js';
import { PACKAGE_ROOT } from '../host/package-root.js';
import { writeFileWhole } from '../host/write-file.js';
import { writeOut } from './output.js';

const NAME = 'pinn_edge_export.py';

export function exporterCommand(): Command {
  return new Command('exporter')
    .description(`write ${NAME}, which exports networks from DeepXDE, PyTorch and JAX/Flax, transforms included`)
    .option('-o, --out <folder>', 'where to write it: beside the script that trains', '.')
    .option('--force', 'overwrite a file of this name that is another one')
    .addHelpText(
      'after',
      `
The module needs nothing beyond the framework. In the script that trains:

  from pinn_edge_export import export_deepxde
  export_deepxde(model, "model.json")

Examples:
  $ pinn-edge exporter
  $ pinn-edge exporter -o training`,
    )
    .action(run);
}

function run({ out, force }: { out: string; force?: boolean }): void {
  const text = readFileSync(join(PACKAGE_ROOT, 'compiler', 'import', NAME), 'utf8');
  const file = join(out, NAME);
  if (existsSync(file) && !force && readFileSync(file, 'utf8') !== text) {
    const reason = `${file} is there and is not the one of this version; choose another folder, or --force`;
    throw new PinnEdgeError('PE3005', { option: '--out', reason });
  }
  writeFileWhole(file, text);
  writeOut(
    `${file}\n  next, in the script that trains: from pinn_edge_export import export_torch   (or export_deepxde, export_tree)\n`,
  );
}
