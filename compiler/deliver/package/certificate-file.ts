import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Certificate, type CertifiedOutput, parseCertificate, sha256 } from '../../certify/certificate.js';
import { PinnEdgeError } from '../../diagnostics.js';
import { cannotRead } from '../../host/file-reader.js';
import type { MapClaim } from '../../ir/map-function.js';
import type { LoadedBuild } from './store.js';

/** The certificate of a build, and what a proof needs to know of its tables. */

export const CERTIFICATE_FILE = 'certificate.json';

/** @throws PE1001 when it cannot be read, PE4202 when there is none of this format */
export function readCertificate(directory: string): Certificate {
  const file = join(directory, CERTIFICATE_FILE);
  if (!existsSync(file)) {
    throw new PinnEdgeError('PE4202', { file, reason: `there is none; make it with: pinn-edge certify ${directory}` });
  }
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw cannotRead(file, error);
  }
  return parseCertificate(text, file);
}

/** @throws PE4204 when the build does not say what its tables stand for */
export function readClaims(directory: string): (MapClaim | null)[] {
  const file = join(directory, 'functions.json');
  if (!existsSync(file)) throw new PinnEdgeError('PE4204', { build: directory });
  return JSON.parse(readFileSync(file, 'utf8'));
}

/** The proved bounds of a build, where it has a certificate of its own model and table. @param note told of another one */
export function provedBounds(
  { directory, report, runnable }: LoadedBuild,
  note?: (text: string) => void,
): CertifiedOutput[] | undefined {
  const file = join(directory, CERTIFICATE_FILE);
  if (!existsSync(file)) return undefined;
  const { modelHash, tableHash, outputs } = readCertificate(directory);
  if (modelHash === report.modelHash && tableHash === sha256(runnable.table)) return outputs;
  note?.(
    `note: ${file} is of another model or table and is left out; make it anew with: pinn-edge certify ${directory}`,
  );
  return undefined;
}
