/** What a build is made for: where its kernels run on the device. */
export const BUILD_ENGINES = ['wasm3', 'wasm3+native', 'c'] as const;

/**
 * - `wasm3`: everything in the module, no imports.
 * - `wasm3+native`: the module carries the block table and its entry; the firmware library brings the kernels in C.
 * - `c`: block table and kernels as C sources, no interpreter.
 */
export type BuildEngine = (typeof BUILD_ENGINES)[number];
