/** The exports of a compiled model in V8, a new instance each time. */
export interface ModelExports {
  memory: { buffer: ArrayBuffer };
  input(): number;
  output(): number;
  identity(): number;
  lastStatus(): number;
  run(): number;
}

/** V8's WebAssembly, which Node's type library leaves out. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: unknown };
};

/** Compiles once; every call of the result is a new instance. */
export function instantiator(wasm: Uint8Array): () => ModelExports {
  const module = new WebAssembly.Module(wasm);
  return () => new WebAssembly.Instance(module).exports as ModelExports;
}
