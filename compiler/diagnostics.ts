/**
 * Every sentence that pinn-edge says about something a user can mend, in one table, and the error that carries it.
 * A code never changes its meaning. Anything thrown that is not a {@link PinnEdgeError} is a bug in pinn-edge.
 */

/** Process exit codes of the commands. */
export const EXIT = { ok: 0, checkFailed: 1, badInput: 2, bug: 3, interrupted: 130 } as const;

type Values = Record<string, string | number>;

const MESSAGES = {
  // 1xxx: files
  PE1001: 'cannot read {file}: {reason}',
  PE1002: '{file} is not JSON: {reason}',
  PE1003: '{file} is empty',
  PE1004: 'cannot write to {directory}: {reason}',
  PE1005: '{file} is not a safetensors file: {reason}',
  PE1006:
    'the weight file {file}, named by {model}, does not exist; put it beside the model or give the tensors inline',
  PE1007: '{directory} is not a pinn-edge build ({reason}); make one with: pinn-edge build <model> -o {directory}',
  PE1008: '{file} does not match the build it lies in ({reason}); build the model again',
  PE1009: '{file} is a file, not the folder of a build; make one of a model with: pinn-edge build <model> -o <folder>',
  // 2xxx: model
  PE2001: '{file} is not a valid pinn-edge/1 model: {count} problem{s}\n{problems}',
  PE2002: '{file}: node "{node}" ({op}) is not defined over the input box: {reason}',
  PE2003:
    '{file}: output "{output}" is not finite at {point} inside the input box; narrow the ranges of the inputs, or mend the model',
  PE2004: '{file}: expression "{expression}" of {place}: {reason}',
  PE2010:
    '{file}: a derivative is taken of node "{node}", which jumps at {point}; take derivatives of what does not pass through it, or hold the input that moves the jump with --fix',
  PE2011:
    'a derivative of order {order} is taken of the spline "{node}", of degree {degree}, which jumps at its knots; give the spline a higher degree',
  PE2020:
    '{file}: "{output}", the next value of "{input}", lies between {from} and {to} over the input box, and "{input}" between {min} and {max}: {reason}; give "{input}" the range that its next value has, or the output the scale that it lacks',
  PE2021: '{file}: the inputs {names} cannot be given once for many points: {reason}',
  // 3xxx: options
  PE3001: 'unknown target "{name}"; {hint}',
  PE3002:
    '--tol must be a number greater than 0 and less than 1, or one per output such as u=1e-3,u_x=2e-3, found {found}',
  PE3003: '--precision must be one of auto, 8, 16, 32, found {found}',
  PE3004: 'target file {file} is not valid: {problems}',
  PE3005: '{option}: {reason}',
  PE3006:
    '--tol-abs must be a number greater than 0 in the unit of the outputs, or one per output such as T=0.1, found {found}',
  PE3007: 'one tolerance at a time: --tol or --tol-abs',
  PE3008: '{option} has no effect with {other}: {reason}; leave one of them out',
  PE3009: '-o {file} is the model that is read, which would be lost; give the new one another name',
  PE3010: '-o {file}: what is written is a pinn-edge/1 model; give a name that ends in .json',
  PE3011:
    '-o {file} would put its weights into {weights}, which exists and is not of an earlier model of that name; give another name',
  PE3090:
    '--name {name}: a prefix of C names is a letter and then letters, digits and underscores, all lower case, at most 40, and does not begin with pe_, pinn_edge or pinn_model',
  // 4xxx: accuracy and size
  PE4001:
    'tolerance {tolerance} cannot be kept: the best that {what} reaches is {best} (output "{output}", at {point}), and {held} is held back for points that nobody looked at; try {option} {nearest}',
  PE4002: '{model} does not fit {target}: {what} needs {need} bytes and {have} are there, {excess} too many; {advice}',
  PE4003:
    'output "{output}" is zero over the whole input box, so a relative tolerance means nothing; give it one in its unit: --tol-abs {output}=<value>',
  PE4004:
    '--method {method} cannot keep the tolerance {tolerance}: the best it reached is {best}; use --method auto, or {option} {nearest}',
  PE4006: 'there is no output "{name}" to have a tolerance of its own; outputs are {outputs}',
  PE4005: 'no network fits into {limit} bytes: the smallest that was found takes {smallest}; allow at least that',
  PE4008:
    '--physics: the model "{model}" has neither residuals, conditions, data nor an exact solution; give them in its physics block (docs/model-file.md)',
  PE4101:
    'no network answers in {limit} instructions: the smallest that was found takes about {smallest}; allow at least that',
  PE4102: 'one budget at a time: --max-bytes or --max-instructions',
  PE4150: '--block-rank must be a number greater than 0 and at most 1, found {found}',
  // 42xx: certificates
  PE4201: 'no bound can be proved: {reason}',
  PE4202: '{file} is not a certificate that can be used: {reason}',
  PE4203: 'nothing is proved of output "{output}" near {place}: {reason}',
  PE4204:
    '{build} has no functions.json, which says what its tables stand for; build it again with this version of pinn-edge',
  PE4205:
    'the tolerance {tolerance} is not proved at every point: the best proof reaches {times} times it; give a looser tolerance, or build without --certify',
  // 43xx: training
  PE4301: '{model} has nothing to be trained on: give residuals, conditions or data in its physics block ({docs})',
  PE4302:
    '{model} has residuals and no conditions, so that many networks satisfy it; give "conditions" in its physics block, or an empty list where the graph itself satisfies them ({docs})',
  PE4303: 'the loss is no longer a number at step {step} ({term}); {kept}',
  PE4304: '{file}: layer "{node}" is a tensor train, which is not trained; train it dense, then compress it',
  PE4305: '{model} has no weights to train: no layer that is not frozen has any',
  PE4306:
    '{output} has no interrupted run to continue ({file} is not there or no record of one); begin again without --continue',
  PE4307:
    '{output} is of an interrupted run with {option} {before}, continued with {after}; give what it was begun with, or begin again without --continue',
  // 45xx: engines
  PE4501: 'a build for the engine c has no WebAssembly module for {engine} to run; use --engine c, oracle or reference',
  PE4502:
    'this build is laid out for kernels that only its module has; use --engine wasm3, v8 or oracle, or build with --for size',
  PE4503:
    'input "{input}" of point {point} is not a number, and a device would answer PE_ERROR_NAN; leave such points out',
  // 5xxx: points
  PE5001: '{source}: {reason}',
  // 51xx: fits
  PE5101: '{build} has no tangents; build it again with: pinn-edge build <model> --fit <inputs>',
  PE5102:
    '{source}: {count} measurements for {parameters} parameters; measure at least as often as there are parameters',
  PE5103:
    'the measurements say nothing of "{parameter}": it changes none of their answers by more than the error of the tangents; measure where it matters, or leave it out of --free',
  PE5104:
    'the measurements cannot tell {parameters} apart: the condition number of their effects is {condition}, at most {limit} is taken; measure at other inputs, or hold one of them with --known',
  PE5105: 'no minimum was found in {steps} steps; begin nearer with --start, or allow more with --max-steps',
  // 511x: steps
  PE5111:
    '{build} is no step model: no output is the next value of an input; say so with "state" in the model file (docs/steps.md) or with build --state, and build it again',
  PE5112:
    '--tol-steps {tolerance}@{steps} is not kept: {reason}; ask for fewer steps or a looser tolerance, and see verify --steps for how errors add up',
  // 6xxx: block table and module
  PE6001: 'the block table is corrupt: check {check} failed ({name}{where}); build the model again',
  PE6002: 'the module is not plain WebAssembly MVP: {reason}',
  PE6003: 'the module refused to run: status {status} ({name}); build the model again',
  PE6004: 'AssemblyScript rejected the generated entry: {reason}',
  PE6010: 'the module needs more than the {bytes} bytes that wasm3 has for values: wasm3.stackBytes of its target.json',
  PE6009: 'the module stopped while it ran ({reason}); build the model again',
  // 7xxx: import
  PE7001:
    'cannot tell what {file} is; known are .json (pinn-edge/1), .onnx, .pt .pth .pkl (PyTorch, DeepXDE), .h5 .hdf5 .keras (Keras), .safetensors, .npz .npy (NumPy) and .msgpack (Flax)',
  PE7002: '{file} is not a readable {format} file: {reason}',
  PE7003: '{file}: operation {op} of node "{node}" is not supported{reason}; {advice}',
  PE7004: '{file}: the pickle asks for {what}, which weights do not need; nothing was executed. {advice}',
  PE7005: '{file}: no range for input{s} {names}; a range is never guessed, so add {flags}',
  PE7006: '{file} has {found}, but {given}; {advice}',
  PE7007:
    '{file}: the network cannot be inferred from the names of its tensors: {reason}; give --spec, written by: pinn-edge import {file} --init',
  PE7008: '{file} is not a valid import spec: {count} problem{s}\n{problems}',
  PE7009: '{file}: {what} "{name}" is not there; there {are} {known}',
  PE7011: '{file} is {title}, which is not read; {step}',
  PE7010: '{file}: the network that the spec describes does not fit the file: {reason}',
  PE7013:
    '{file}: {names} {are} read by nothing; say with --spec what {it} ({fields}), or name them in its "ignore"; pinn-edge import {file} --init writes a spec to start from',
  PE7014: '{file}: {what} has no effect: {why}; leave it out',
  // 8xxx: emulated boards
  PE8001:
    'firmware for {board} needs {tool}, not found on this machine; on Debian and Ubuntu: apt-get install {packages}',
  PE8002: 'the firmware for {board} cannot be built: {reason}',
  PE8003: 'the emulated board {board} stopped: {reason}',
  PE8004:
    'the emulated board {board} and the host disagree: {what} of point {point} is {found} there, {wanted} here; this is a fault of pinn-edge or of the compiler {compiler}',
  PE8005: 'unknown board "{name}"; boards are {names}',
  // 81xx: benchmarks
  PE8101: '{option}: unknown name "{name}"; known are {names}',
  PE8102: 'the sources cannot be fetched, {command} failed: {reason}',
  // 84xx: what a device takes
  PE8401: 'the module would be refused by the device: {reason}',
  // 90xx: images, keys and devices
  PE9001: '{file} is not a model image that can be used: {reason}',
  PE9002: '{file} is no Ed25519 {kind} key; make one with: pinn-edge keygen',
  PE9003: '{build} has no model.img; build it again with this version of pinn-edge',
  PE9004: '{file} is not signed with {key}: it is signed {how}',
  PE9010: 'cannot open {port}: {reason}',
  PE9011: 'serial ports such as {port} need the npm package serialport, which is not installed: npm install serialport',
  PE9012:
    'no device answers on {port} ({reason}); is the firmware with the update agent running, at this baud rate, and no other host connected?',
  PE9013: 'what answers on {port} is not the update agent of pinn-edge; is it the right port, at this baud rate?',
  PE9014:
    'the connection to {port} was lost: {reason}; the device goes on with the model that it runs, and the same command goes on with the transfer',
  PE9015: 'the device did not {what}: {reason}',
  PE9016: 'the image was built for {target} and the device is {device}; build it with: --target {device}',
  PE9017: 'the image takes {need} bytes and a slot of the device has {have}, {excess} too few',
  PE9018: 'the model needs {need} bytes of RAM and the device has {have} for it, {excess} too few',
  PE9019: 'the device takes only signed images; give the private key with --key, or sign it first: pinn-edge sign',
  PE9020: 'the device runs version {running} of a model and this is version {version}; use --force to go back',
  PE9021: 'the device runs {running}, not the model of {build}; send it first: pinn-edge flash {build} --port {port}',
  PE9022:
    'the device answers {found} where {wanted} is right, output {output} of point {point}: the update did not work',
  PE9023:
    'the firmware of the device has no engine for a {kind}: build the model with --engine {engine}, or the firmware with {missing} among its engines',
  PE9024: 'the device changed its answers during the transfer: {found}, then {now}',
  PE9025: 'the device cannot evaluate point {point}: error {result} of pe_run_words',
  PE9026:
    'another host is at work on {port}: it has sent the device another image, or has changed what it runs; nothing of this command runs there. Have one host at a time, and try again',
  PE9027: 'the device returns to a lower version only for the owner of its key; give the private key with --key',
  PE9028:
    'the agent on {port} speaks version {version} of the protocol, and this pinn-edge version {known}: write the firmware of a build made by this pinn-edge',
  PE9030: 'no tool writes firmware to {target}; an emulated board is run by: pinn-edge simulate <build> --on {target}',
  PE9031: '{tool} is not installed ({command} was not found); {install}',
  PE9032: '{image} is not there yet; make it first: {build}',
  PE9033: 'the tool failed ({how}): {line}',
  PE9034:
    '{directory} has no project {project} for {tool} to write: a build of the engine c is for a project of your own, with {directory}/c or {directory}/firmware/pinn_edge in it',
  PE9035:
    '{target} has no project with the update agent that a tool writes; docs/updates.md says how to put it into your own',
  // 92xx: targets
  PE9201: '{name} cannot be emulated: {reason}; boards are {names}',
  PE9202:
    '{model} needs more than the {bytes} bytes that wasm3 has for values on {target}: wasm3.stackBytes of its target.json',
  PE9203:
    '{target} cannot run the engine {engine}: wasm3 has no room in the {bytes} bytes of RAM that it has for models; build with --engine c',
} as const;

export type DiagnosticCode = keyof typeof MESSAGES;

/** Something the user can mend: one clear sentence, a code, and the exit code of the command that met it. */
export class PinnEdgeError extends Error {
  constructor(
    readonly code: DiagnosticCode,
    readonly values: Values = {},
    readonly exitCode: number = EXIT.badInput,
  ) {
    super(MESSAGES[code].replace(/\{(\w+)\}/g, (_, key: string) => String(values[key] ?? `{${key}}`)));
    this.name = 'PinnEdgeError';
  }
}

/** One thing wrong in a structured file. `path` is a JSON path such as `nodes[3].weight`. */
export interface Problem {
  path: string;
  found: string;
  expected: string;
}

/** Problems as an indented list, one per line. */
export function formatProblems(problems: readonly Problem[]): string {
  return problems.map((p) => `  ${p.path}: found ${p.found}, expected ${p.expected}`).join('\n');
}

/** The candidates nearest to `name` by edit distance, best first, at most `count`. */
export function nearestNames(name: string, candidates: readonly string[], count = 3): string[] {
  const ranked = candidates.map((c) => ({ c, d: editDistance(name.toLowerCase(), c.toLowerCase()) }));
  ranked.sort((p, q) => p.d - q.d || p.c.localeCompare(q.c));
  return ranked.slice(0, count).map((r) => r.c);
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}

/** `1 output`, `2 outputs`. */
export function plural(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;
}
