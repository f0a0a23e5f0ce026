import { unzipSync } from 'fflate';

/** ZIP archives (.npz, .pt, .keras) within limits, so that a small file cannot fill the memory. */

const MAX_ENTRIES = 20_000;
const MAX_TOTAL_BYTES = 2 ** 29;

export function isZip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b && (bytes[2] === 3 || bytes[2] === 5);
}

/** The entries whose names `wanted` accepts, unpacked. Throws `Error` with the reason. */
export function readZip(bytes: Uint8Array, wanted: (name: string) => boolean = () => true): Map<string, Uint8Array> {
  let entries = 0;
  let total = 0;
  const files = unzipSync(bytes, {
    filter: ({ name, originalSize }) => {
      if (++entries > MAX_ENTRIES) throw new Error(`more than ${MAX_ENTRIES} entries`);
      if (name.endsWith('/') || !wanted(name)) return false;
      total += originalSize;
      if (!(total <= MAX_TOTAL_BYTES))
        throw new Error(`its entries unpack to more than ${MAX_TOTAL_BYTES / 2 ** 20} MiB`);
      return true;
    },
  });
  return new Map(Object.entries(files));
}

/** Names of all entries; none where the archive is damaged. */
export function zipNames(bytes: Uint8Array): string[] {
  const names: string[] = [];
  try {
    unzipSync(bytes, {
      filter: ({ name }) => {
        if (names.push(name) > MAX_ENTRIES) throw new Error(`more than ${MAX_ENTRIES} entries`);
        return false;
      },
    });
  } catch {
    return [];
  }
  return names;
}
