/** What a build is made for: where its kernels run on the device. */
export const BUILD_ENGINES = ['wasm3', 'c'] as const;

/**
 * - `wasm3`: everything in the module, no imports.
 * - `c`: block table and kernels as C sources, no interpreter.
 */
export type BuildEngine = (typeof BUILD_ENGINES)[number];
