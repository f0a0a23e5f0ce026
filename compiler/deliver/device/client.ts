import { randomInt } from 'node:crypto';
import { PinnEdgeError } from '../../diagnostics.js';
import { UPDATE } from '../image/image-format.js';
import { encodeFrame, FrameReader } from './frame.js';
import { ANSWER, BODY_BYTES, COMMAND, DEVICE, PACKET_OVERHEAD, PROTOCOL_VERSION } from './protocol.js';
import type { Transport } from './transport.js';

/** Requests to the update agent of a device (targets/common/pe_agent.h), over a line that may lose or damage bytes. */

export type CommandName = keyof typeof COMMAND;
/** What HELLO answers: the numbers of DEVICE (protocol.ts), and the device's name. */
export type DeviceInfo = Record<(typeof DEVICE)[number], number> & { name: string };

export interface Timing {
  /** Until a request is repeated, in milliseconds, besides the time that it and its answer take on the line. */
  answerMs: number;
  /** The same for requests that open models and check signatures. */
  slowAnswerMs: number;
  /** Until the device is given up, and before it was ever heard. */
  patienceMs: number;
  contactMs: number;
}

const TIMING: Timing = { answerMs: 400, slowAnswerMs: 4000, patienceMs: 15_000, contactMs: 4000 };
const SLOW: readonly CommandName[] = ['BEGIN', 'FINISH', 'ROLLBACK', 'GOLDEN'];
/** Those whose answers may be as long as the agent can make them; others are a few words. */
const LONG_ANSWERS: readonly CommandName[] = ['HELLO', 'EVALUATE'];
const SHORT_ANSWER_BYTES = 16;
/** With start and stop bit; the frame's own bytes besides the packet's, at most. */
const BITS_PER_BYTE = 10;
const FRAME_OVERHEAD = 8;
/** Before a silent device is given up, at any speed of the line. */
const LEAST_TRIES = 3;

/** Tries before a long request is given up for shorter ones; some bytes always get through. */
const TRIES_OF_LONG = 4;
const SHORTEST_BYTES = 16;
const FIRST_BYTES = 256;
const LENGTHEN_AFTER = 6;

/** The agent's answer to one request. */
export interface Answer {
  /** One of UPDATE. */
  result: number;
  body: DataView;
  /** How often it was asked for. */
  tries: number;
}

/** A device with an update agent: one request at a time, repeated until its answer arrives. */
export class DeviceClient {
  #reader = new FrameReader();
  #sequence = randomInt(2 ** 32);
  #heard: 'nothing' | 'noise' | 'answers' = 'nothing';
  #closed: string | undefined;
  /** Packets that nobody looked at yet; undefined for a damaged one. */
  #packets: (Uint8Array | undefined)[] = [];
  #wake: (() => void) | undefined;
  #timing: Timing;
  /** How many bytes of data the line seems to carry at once. */
  #comfortable = FIRST_BYTES;
  #good = 0;

  constructor(
    readonly transport: Transport,
    timing: Partial<Timing> = {},
  ) {
    this.#timing = { ...TIMING, ...timing };
    transport.onData((bytes) => this.#receive(bytes));
    transport.onClose((reason) => {
      this.#closed = reason;
      this.#wake?.();
    });
  }

  close(): void {
    this.transport.close();
  }

  /**
   * @throws PE9012 when nothing answers, PE9013 when what answers is no agent, PE9014 when the connection is lost after
   * it worked
   */
  async request(command: CommandName, body?: Uint8Array): Promise<Answer> {
    return (await this.#try(command, body, Number.POSITIVE_INFINITY))!;
  }

  /**
   * Requests that can be made longer or shorter: long on a good line, short on a bad one.
   *
   * @param longest bytes that the device takes at once
   * @param make the body for at most so many bytes of data, or for the least that makes sense
   * @param isSlow whether the device has more to do than to take it
   */
  async adaptiveRequest(
    command: CommandName,
    longest: number,
    make: (bytes: number) => Uint8Array,
    isSlow = false,
  ): Promise<Answer> {
    for (let tries = 0; ; tries += TRIES_OF_LONG) {
      const bytes = Math.min(this.#comfortable, longest);
      const isShortest = bytes <= SHORTEST_BYTES;
      const maxTries = isShortest ? Number.POSITIVE_INFINITY : TRIES_OF_LONG;
      const answer = await this.#try(command, make(bytes), maxTries, isSlow);
      this.#good = answer?.tries === 1 ? this.#good + 1 : 0;
      if (!answer || answer.tries > 2) this.#comfortable = Math.max(SHORTEST_BYTES, bytes >> 1);
      else if (this.#good >= LENGTHEN_AFTER) {
        this.#comfortable = Math.min(longest, 2 * bytes);
        this.#good = 0;
      }
      if (answer) return { ...answer, tries: tries + answer.tries };
    }
  }

  /** Undefined after `maxTries` tries without an answer. */
  async #try(
    command: CommandName,
    body: Uint8Array = new Uint8Array(0),
    maxTries: number,
    isSlow = SLOW.includes(command),
  ): Promise<Answer | undefined> {
    this.#sequence = (this.#sequence + 1) >>> 0;
    const packet = new Uint8Array(5 + body.length);
    new DataView(packet.buffer).setUint32(0, this.#sequence, true);
    packet[4] = COMMAND[command];
    packet.set(body, 5);
    const frame = encodeFrame(packet);
    const { answerMs, slowAnswerMs, patienceMs, contactMs } = this.#timing;
    const longest = PACKET_OVERHEAD + Math.max(BODY_BYTES, body.length);
    const answerBytes = LONG_ANSWERS.includes(command) ? longest : PACKET_OVERHEAD + SHORT_ANSWER_BYTES;
    const wait = (isSlow ? slowAnswerMs : answerMs) + this.#lineMs(frame.length + answerBytes + FRAME_OVERHEAD);
    const patience = Math.max(this.#heard === 'answers' ? patienceMs : contactMs, LEAST_TRIES * wait);
    const deadline = Date.now() + patience;
    this.#packets = [];
    for (let tries = 1; Date.now() < deadline && this.#closed === undefined; tries++) {
      if (tries > maxTries) return undefined;
      this.transport.write(frame);
      const answer = await this.#answer(COMMAND[command], wait);
      if (!answer) continue;
      const copy = Uint8Array.from(answer);
      return { result: copy[5], body: new DataView(copy.buffer, 6), tries };
    }
    throw this.#silence(patience);
  }

  /** How long so many bytes are on their way. */
  #lineMs(bytes: number): number {
    const { baudRate } = this.transport;
    return baudRate === undefined ? 0 : (1000 * BITS_PER_BYTE * bytes) / baudRate;
  }

  /** The answer to the last request; undefined when it must be asked for again. */
  async #answer(command: number, milliseconds: number): Promise<Uint8Array | undefined> {
    const until = Date.now() + milliseconds;
    while (this.#closed === undefined) {
      if (!this.#packets.length) await this.#wait(until - Date.now());
      if (!this.#packets.length) return undefined;
      const packet = this.#packets.shift();
      if (packet === undefined || packet[4] === (COMMAND.DAMAGED | ANSWER)) return undefined;
      const sequence = new DataView(packet.buffer, packet.byteOffset).getUint32(0, true);
      // Anything else is a late answer to an earlier request.
      if (packet[4] === (command | ANSWER) && sequence === this.#sequence) return packet;
    }
    return undefined;
  }

  /** Until a packet arrives, the connection closes, or time is up. */
  #wait(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, milliseconds));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #receive(bytes: Uint8Array): void {
    if (this.#heard === 'nothing') this.#heard = 'noise';
    for (const packet of this.#reader.push(bytes)) {
      // Requests: the line echoes what is sent, or another host is on it.
      if (packet !== undefined && packet.length > 4 && !(packet[4] & ANSWER)) continue;
      const isAnswer = packet !== undefined && packet.length >= 6;
      if (isAnswer) this.#heard = 'answers';
      this.#packets.push(isAnswer ? packet : undefined);
    }
    if (this.#packets.length) this.#wake?.();
  }

  #silence(milliseconds: number): PinnEdgeError {
    const port = this.transport.name;
    const seconds = Math.round(milliseconds / 1000);
    if (this.#heard === 'answers') {
      return new PinnEdgeError('PE9014', { port, reason: this.#closed ?? `no answer for ${seconds} s` });
    }
    if (this.#heard === 'noise') return new PinnEdgeError('PE9013', { port });
    return new PinnEdgeError('PE9012', { port, reason: this.#closed ?? `waited ${seconds} s` });
  }

  /** What the device is and runs. @throws PE9013, or PE9028 for another version of the protocol */
  async hello(): Promise<DeviceInfo> {
    const { result, body } = await this.request('HELLO');
    const port = this.transport.name;
    const bytes = 4 * DEVICE.length;
    if (result !== UPDATE.OK.value || body.byteLength < 4) throw new PinnEdgeError('PE9013', { port });
    const version = body.getUint32(0, true);
    if (version !== PROTOCOL_VERSION) throw new PinnEdgeError('PE9028', { port, version, known: PROTOCOL_VERSION });
    if (body.byteLength < bytes) throw new PinnEdgeError('PE9013', { port });
    const fields = Object.fromEntries(DEVICE.map((name, i) => [name, body.getUint32(4 * i, true)]));
    const name = new TextDecoder().decode(new Uint8Array(body.buffer, body.byteOffset + bytes));
    return { ...fields, name } as DeviceInfo;
  }

  /**
   * Evaluates points on the device.
   *
   * @param inputs row-major [points x info.inputCount] words
   * @returns row-major output words, and the device's result per point: 0, 1 (clamped) or an error below 0
   */
  async evaluate(info: DeviceInfo, inputs: Int32Array): Promise<{ outputs: Int32Array; results: Int32Array }> {
    const { inputCount, outputCount, bodyBytes } = info;
    const pointBytes = 4 * Math.max(inputCount, 1 + outputCount);
    if (pointBytes > bodyBytes) throw this.refused('evaluate', UPDATE.REQUEST.value);
    const points = inputs.length / inputCount;
    const outputs = new Int32Array(points * outputCount);
    const results = new Int32Array(points);
    for (let first = 0; first < points; ) {
      const { result, body } = await this.adaptiveRequest('EVALUATE', bodyBytes, (bytes) => {
        const count = Math.max(1, Math.floor(bytes / pointBytes));
        return words(inputs.subarray(first * inputCount, (first + count) * inputCount));
      });
      if (result !== UPDATE.OK.value) throw this.refused('evaluate', result);
      const row = 4 * (1 + outputCount);
      for (let at = 0; at < body.byteLength; at += row, first++) {
        results[first] = body.getInt32(at, true);
        for (let i = 0; i < outputCount; i++) outputs[first * outputCount + i] = body.getInt32(at + 4 + 4 * i, true);
      }
    }
    return { outputs, results };
  }

  /** The sentence for a result that is not OK. */
  refused(what: string, result: number, detail?: number): PinnEdgeError {
    if (result === UPDATE.TAKEN.value) return new PinnEdgeError('PE9026', { port: this.transport.name });
    const text = Object.values(UPDATE).find(({ value }) => value === result)?.text ?? `unknown result ${result}`;
    return new PinnEdgeError('PE9015', { what, reason: detail ? `${text} (pe_result_t ${detail})` : text });
  }
}

export function words(values: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < values.length; i++) view.setUint32(4 * i, values[i] >>> 0, true);
  return bytes;
}
