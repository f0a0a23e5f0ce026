import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { libraryStackBytes } from '../../code/cost/native-stack.js';
import { PACKAGE_ROOT, VERSION } from '../../host/package-root.js';
import type { Target, TargetProject } from './target.js';

/** The templates of firmware projects in targets/: text files in which `@name@` stands for a value of the target. */

/** A project's own files, filled in, by their path in it. */
export function templateFiles(target: Target, project: TargetProject): Map<string, string> {
  const values = valuesFor(target, project);
  return new Map(templateFolders(project).flatMap((folder) => [...fillIn(readTexts(folder), values)]));
}

/** The names that a project's templates ask for and that have no value. */
export function missingValues(target: Target, project: TargetProject): string[] {
  const values = valuesFor(target, project);
  const texts = templateFolders(project).flatMap((folder) => [...readTexts(folder).values()]);
  const names = texts.flatMap((text) => [...text.matchAll(PLACEHOLDER)].map(([, name]) => name));
  return [...new Set(names)].filter((name) => !(name in values));
}

function templateFolders(project: TargetProject): string[] {
  return [project.template, ...(project.shared ?? [])].map((folder) => join(PACKAGE_ROOT, 'targets', folder));
}

const PLACEHOLDER = /@([A-Za-z]\w*)@/g;

/** What a template's `@name@` stands for: fields of the target, and values of the project. */
function valuesFor(target: Target, project: TargetProject): Record<string, string> {
  const { name, chip, nativeStackBytes, defaultStackBytes, wasm3 } = target;
  return {
    target: name,
    chip,
    nativeStackBytes: String(nativeStackBytes),
    libraryStackBytes: String(libraryStackBytes(target)),
    defaultStackBytes: String(defaultStackBytes),
    ...(wasm3 ? { codePageBytes: String(wasm3.codePageBytes), wasm3Version: wasm3.version } : {}),
    version: VERSION,
    ...project.values,
  };
}

/** @throws Error for a name that has no value, a fault of the template or of the target's data */
export function fillIn(texts: ReadonlyMap<string, string>, values: Record<string, string>): Map<string, string> {
  const fill = (path: string, text: string) =>
    text.replace(PLACEHOLDER, (_, name: string) => {
      if (!(name in values)) throw new Error(`the template ${path} asks for @${name}@, which has no value`);
      return values[name];
    });
  return new Map([...texts].map(([path, text]) => [path, fill(path, text)]));
}

/** Every file below a folder, by its path there with forward slashes, in order of the paths. */
export function readTexts(folder: string): Map<string, string> {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  return new Map(
    paths.map((path) => [path.slice(folder.length + 1).replaceAll('\\', '/'), readFileSync(path, 'utf8')]),
  );
}
