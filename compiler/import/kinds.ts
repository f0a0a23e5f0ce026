import { isZip, zipNames } from './zip.js';

/** Files of other programs that hold networks and are not read: known by their content, each with the one next step. */

export interface OtherKind {
  /** What the file is, with its article. */
  title: string;
  step: string;
}

interface Rule extends OtherKind {
  /** What content it must have, where content tells. */
  content?(bytes: Uint8Array): boolean;
  /** What its name must be, where content does not tell. */
  name?: RegExp;
}

const text = (bytes: Uint8Array, at: number, length: number) => String.fromCharCode(...bytes.subarray(at, at + length));

const starts =
  (start: string, at = 0) =>
  (bytes: Uint8Array): boolean =>
    text(bytes, at, start.length) === start;

const inZip = (pattern: RegExp) => (bytes: Uint8Array) => isZip(bytes) && zipNames(bytes).some((n) => pattern.test(n));

/** Magic number of the last bytes of a table in TensorFlow's (LevelDB's) format. */
const TABLE_END = [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb];

const AS_NPZ = 'and import that';
const FROM_CHECKPOINT = `save its variables from Python: r = tf.train.load_checkpoint(prefix); np.savez("weights.npz", **{n.split("/.ATTR")[0]: r.get_tensor(n) for n, s in r.get_variable_to_shape_map().items() if s and "ptimizer" not in n}), ${AS_NPZ}`;
const TO_TF_ONNX = 'convert it with python -m tf2onnx.convert --saved-model <folder> --output net.onnx and import that';
const FLATTENED =
  'np.savez("weights.npz", **{"/".join(k): np.asarray(v) for k, v in flax.traverse_util.flatten_dict(params).items()})';

const RULES: Rule[] = [
  {
    title: 'a pointer that Git LFS has left in place of the file',
    content: starts('version https://git-lfs'),
    step: 'fetch the file with git lfs pull',
  },
  {
    title: 'a web page',
    content: (bytes) => /^\s*<(!doctype html|html)/i.test(text(bytes, 0, 64)),
    step: 'download the file itself',
  },
  {
    title: 'a TensorFlow Lite model',
    content: starts('TFL3', 4),
    step: 'import the Keras model or the ONNX file that it was made from',
  },
  {
    title: 'a model in ONNX Runtime format',
    content: starts('ORTM', 4),
    step: 'import the .onnx that it was made from',
  },
  {
    title: 'the index of a TensorFlow checkpoint',
    content: (bytes) => TABLE_END.every((b, i) => bytes[bytes.length - 8 + i] === b),
    step: FROM_CHECKPOINT,
  },
  { title: 'the index of a TensorFlow checkpoint', name: /\.index$/i, step: FROM_CHECKPOINT },
  { title: 'the data of a TensorFlow checkpoint', name: /\.data-\d+-of-\d+$/i, step: FROM_CHECKPOINT },
  { title: 'the graph of a TensorFlow 1 checkpoint', name: /\.ckpt[^/\\]*\.meta$/i, step: FROM_CHECKPOINT },
  {
    title: 'the list of TensorFlow checkpoints of a folder',
    content: starts('model_checkpoint_path:'),
    step: FROM_CHECKPOINT,
  },
  { title: 'a TensorFlow SavedModel', name: /(^|[/\\])(saved_model|keras_metadata)\.pb(txt)?$/i, step: TO_TF_ONNX },
  {
    title: 'a frozen TensorFlow graph',
    name: /\.pb(txt)?$/i,
    step: 'convert it with python -m tf2onnx.convert --graphdef and import the .onnx',
  },
  {
    title: 'a MATLAB file',
    content: (bytes) => starts('MATLAB ')(bytes),
    step: `save its arrays from Python: d = scipy.io.loadmat("file.mat"); np.savez("weights.npz", **{k: v for k, v in d.items() if k[0] != "_"}), ${AS_NPZ}; or use exportONNXNetwork in MATLAB`,
  },
  {
    title: 'a MATLAB file',
    name: /\.mat$/i,
    step: `save its arrays as .npz from Python (scipy.io.loadmat, numpy.savez) ${AS_NPZ}`,
  },
  {
    title: 'a Julia file (JLD2)',
    content: starts('HDF5-based Julia'),
    step: `save the arrays from Julia with NPZ.jl (npzwrite) ${AS_NPZ}`,
  },
  {
    title: 'a Julia file (BSON)',
    name: /\.bson$/i,
    step: `save the arrays from Julia with NPZ.jl (npzwrite) ${AS_NPZ}`,
  },
  {
    title: 'a program that torch.export has saved (.pt2)',
    content: inZip(/(^|\/)(archive_format|serialized_exported_program\.json|models\/model\.json)$/),
    step: 'export the module with torch.onnx.export and import the .onnx, or save model.state_dict() with torch.save',
  },
  {
    title: 'an Equinox file (.eqx)',
    content: isEquinox,
    step: `save the leaves by name from Python: np.savez("weights.npz", **{f"{i}.weight": l.weight for i, l in enumerate(model.layers)}, **{f"{i}.bias": l.bias for i, l in enumerate(model.layers)}), ${AS_NPZ}`,
  },
  {
    title: 'a Paddle program',
    name: /\.(pdmodel|pdiparams)$/i,
    step: 'save the weights with paddle.save(model.state_dict(), "net.pdparams") and import that, or export with paddle2onnx',
  },
  {
    title: 'a Core ML model',
    name: /\.(mlmodel|mlpackage)$/i,
    step: 'import the model that it was made from (PyTorch, Keras or ONNX)',
  },
  {
    title: 'an OpenVINO model',
    content: (bytes) => /^\s*(<\?xml[^>]*>\s*)?<net\b/.test(text(bytes, 0, 200)),
    step: 'import the model that it was made from (PyTorch, Keras or ONNX)',
  },
  {
    title: 'a TensorRT engine',
    name: /\.(engine|plan|trt)$/i,
    step: 'import the .onnx that it was made from',
  },
  { title: 'a GGUF file', content: starts('GGUF'), step: 'import the model that it was made from' },
  {
    title: 'a folder packed by PhysicsNeMo (.mdlus)',
    name: /\.mdlus$/i,
    step: 'unpack it (tar xf or unzip) and import the model.pt that is in it',
  },
  {
    title: 'an archive packed by bzip2',
    content: starts('BZh'),
    step: 'unpack it with bunzip2 and import what is in it',
  },
  {
    title: 'an archive packed by xz',
    content: starts('\xfd7zXZ'),
    step: 'unpack it with unxz and import what is in it',
  },
  {
    title: 'an archive packed by zstd',
    content: starts('\x28\xb5\x2f\xfd'),
    step: 'unpack it with unzstd and import what is in it',
  },
  { title: 'a 7-Zip archive', content: starts('7z\xbc\xaf'), step: 'unpack it and import what is in it' },
  { title: 'a tar archive', content: starts('ustar', 257), step: 'unpack it with tar xf and import what is in it' },
];

/** Arrays of NumPy one after the other, which may follow a line of JSON. */
function isEquinox(bytes: Uint8Array): boolean {
  const magic = '\x93NUMPY';
  const isArray = (at: number) => text(bytes, at, magic.length) === magic;
  if (bytes[0] === 0x7b) {
    const line = bytes.indexOf(0x0a);
    return line > 0 && isArray(line + 1);
  }
  if (!isArray(0)) return false;
  const wide = bytes[6] >= 2;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 16) return false;
  const start = wide ? 12 + view.getUint32(8, true) : 10 + view.getUint16(8, true);
  const header = text(bytes, 0, Math.min(start, 1000));
  const item = Number(/'descr'\s*:\s*'[^']*?(\d+)'/.exec(header)?.[1]);
  const shape = /'shape'\s*:\s*\(([0-9,\s]*)\)/.exec(header)?.[1];
  const count = shape?.split(',').reduce((n, d) => (d.trim() ? n * Number(d) : n), 1);
  return count !== undefined && isArray(start + count * item);
}

/** What a file is that is not read, by its content. */
export function otherByContent(bytes: Uint8Array): OtherKind | undefined {
  return RULES.find(({ content }) => content?.(bytes));
}

/** The same by its name, where content cannot tell. */
export function otherByName(file: string): OtherKind | undefined {
  return RULES.find(({ name }) => name?.test(file));
}

const MODEL_IN_ZIP =
  /(^|\/)(saved_model\.pb|_CHECKPOINT_METADATA|[^/]+\.(onnx|pth?|h5|keras|safetensors|npz|msgpack|ckpt[^/]*\.index))$/;

/** A zip archive of none of the formats that is packed around a model. */
export function packedModel(names: readonly string[]): OtherKind | undefined {
  const name = names.find((entry) => MODEL_IN_ZIP.test(entry));
  if (name === undefined) return undefined;
  return { title: 'a zip archive of other files', step: `unpack it and import ${name.slice(0, 80)}` };
}

/** Files by which a folder is known. */
const FOLDERS: (OtherKind & { holds: string[] })[] = [
  { title: 'a TensorFlow SavedModel', holds: ['saved_model.pb', 'saved_model.pbtxt'], step: TO_TF_ONNX },
  {
    title: 'a checkpoint of Orbax',
    holds: ['_CHECKPOINT_METADATA', '_METADATA', 'manifest.ocdbt', 'default/_METADATA', 'default/manifest.ocdbt'],
    step: `restore it in Python and save the parameters: ${FLATTENED}, ${AS_NPZ}`,
  },
  { title: 'a folder of TensorFlow checkpoints', holds: ['checkpoint'], step: FROM_CHECKPOINT },
  {
    title: 'a .keras file that was unpacked',
    holds: ['model.weights.h5'],
    step: 'import the .keras itself, or the model.weights.h5 in it with a spec',
  },
  {
    title: 'a PyTorch file that was unpacked',
    holds: ['data.pkl', 'archive/data.pkl'],
    step: 'import the .pt itself, packed again with zip -0 -r net.pt <folder>',
  },
];

/** What a folder is that holds a network. `has` tells whether there is a file of that name in it. */
export function folderKind(has: (name: string) => boolean): OtherKind | undefined {
  return FOLDERS.find(({ holds }) => holds.some(has));
}

/** A name without its ending stands for the files of a TensorFlow checkpoint. */
export const CHECKPOINT_PREFIX: OtherKind = { title: 'the prefix of a TensorFlow checkpoint', step: FROM_CHECKPOINT };
