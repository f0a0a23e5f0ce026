import { isZip, readZip } from '../zip.js';
import { type KerasModel, parseKerasConfig, SubclassedModel } from './config.js';
import { readHdf5 } from './hdf5.js';
import { type StoredLayer, storedLayers, unpadded } from './weights.js';

/** What a Keras file holds: `.keras` (a zip of config.json and model.weights.h5), `.h5`, or weights alone. */
export interface KerasFile {
  /** Undefined in files of weights alone. */
  model?: KerasModel;
  /** The class of a model whose calls are Python code. */
  subclass?: string;
  /** 2 or 3, where the file tells. */
  major?: number;
  layers: StoredLayer[];
  /** Datasets of the file by path, of whatever made it. */
  tensors: ReturnType<typeof readHdf5>['tensors'];
}

/** Throws `Error` with the reason. */
export function readKerasFile(bytes: Uint8Array): KerasFile {
  if (!isZip(bytes)) {
    const hdf5 = readHdf5(bytes);
    const { model_config: config, keras_version: version } = hdf5.attributes('');
    return { ...modelOf(config), ...majorOf(version), layers: storedLayers(hdf5), tensors: hdf5.tensors };
  }
  const files = readZip(bytes, (name) => /^(config|metadata)\.json$/.test(name) || name.endsWith('.weights.h5'));
  const [weights, config] = ['model.weights.h5', 'config.json'].map((name) => files.get(name));
  if (!weights || !config) throw new Error('it holds no config.json and model.weights.h5');
  const hdf5 = readHdf5(weights);
  const text = (file: Uint8Array) => new TextDecoder().decode(file);
  const metadata = files.get('metadata.json');
  const version = metadata && (JSON.parse(text(metadata)) as { keras_version?: unknown } | null)?.keras_version;
  return { ...modelOf(text(config)), ...majorOf(version), layers: storedLayers(hdf5), tensors: hdf5.tensors };
}

function modelOf(config: unknown): Pick<KerasFile, 'model' | 'subclass'> {
  if (typeof config !== 'string') return {};
  try {
    return { model: parseKerasConfig(unpadded(config)) };
  } catch (error) {
    if (error instanceof SubclassedModel) return { subclass: error.message };
    throw error;
  }
}

function majorOf(version: unknown): { major?: number } {
  const major = typeof version === 'string' ? Number.parseInt(version, 10) : Number.NaN;
  return Number.isInteger(major) ? { major } : {};
}
