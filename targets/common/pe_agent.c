#include "pe_agent.h"

#include <stddef.h>
#include <string.h>

#include "pe_crc32.h"
#include "pe_signature.h"

// Request: sequence, command, body, CRC. Answer: sequence, command, result, body, CRC.
#define AT_COMMAND 4u
#define AT_REQUEST_BODY 5u
#define AT_RESULT 5u
#define AT_ANSWER_BODY 6u
#define CRC_BYTES 4u
#define WORD_BYTES 4u

// How far a packet must lie behind the start of its own frame, so that it can be encoded in place.
#define ENCODE_GAP(packet_bytes) (PE_AGENT_FRAME_BYTES(packet_bytes) - 1u - (packet_bytes))

typedef struct {
  uint8_t command;
  const uint8_t *body;
  uint32_t body_bytes;
} request_t;

// ---- Frames: consistent overhead byte stuffing ----------------------------------------------------------------------

// Encodes the packet that lies ENCODE_GAP behind `frame`; returns the length of the frame.
//
// A zero byte, then blocks of up to 254 bytes that are not zero, each after its length + 1; a block of less stands for
// its bytes and a zero. Blocks are written at or before the place where their bytes are read.
static uint32_t encode(uint8_t *frame, uint32_t packet_bytes) {
  const uint8_t *from = frame + ENCODE_GAP(packet_bytes);
  uint32_t code = 1;  // where the length of the block will be
  uint32_t to = 2;
  frame[0] = 0;
  for (uint32_t i = 0; i < packet_bytes; i++) {
    const uint8_t byte = from[i];
    if (byte != 0u) frame[to++] = byte;
    if (byte == 0u || to - code == 255u) {
      frame[code] = (uint8_t)(to - code);
      code = to++;
    }
  }
  frame[code] = (uint8_t)(to - code);
  frame[to++] = 0;
  return to;
}

// Decodes in place; returns the length of the packet, 0 for what cannot be one.
static uint32_t decode(uint8_t *bytes, uint32_t count) {
  uint32_t to = 0;
  uint32_t from = 0;
  while (from < count) {
    const uint32_t length = bytes[from];
    if (length > count - from) return 0;
    memmove(bytes + to, bytes + from + 1u, length - 1u);
    from += length;
    to += length - 1u;
    if (length != 255u && from < count) bytes[to++] = 0;
  }
  return to;
}

// Ends the packet that lies ENCODE_GAP behind `frame` with its CRC and encodes it.
static uint32_t seal(uint8_t *frame, uint32_t bytes) {
  const uint32_t packet_bytes = bytes + CRC_BYTES;
  // The gap depends on the length, which is known only now.
  uint8_t *packet = frame + ENCODE_GAP(packet_bytes);
  memmove(packet, frame + ENCODE_GAP(PE_AGENT_BODY_BYTES + PE_PACKET_OVERHEAD), bytes);
  pe_store_u32(packet + bytes, pe_crc32(packet, bytes));
  return encode(frame, packet_bytes);
}

static uint8_t *answer_packet(pe_agent_t *agent) {
  return agent->answer + ENCODE_GAP(PE_AGENT_BODY_BYTES + PE_PACKET_OVERHEAD);
}

// ---- Commands -------------------------------------------------------------------------------------------------------
// Each writes its answer's body and its length, and returns the result.

static pe_update_result_t hello(const pe_agent_t *agent, uint8_t *body, uint32_t *bytes) {
  const pe_runner_t *runner = agent->runner;
  const pe_runner_setup_t *setup = runner->setup;
  const pe_slots_t *slots = &runner->slots;
  const bool runs = slots->running != PE_SLOT_NONE;
  uint32_t flags = setup->policy.key != NULL ? PE_DEVICE_FLAG_SIGNED_ONLY : 0u;
  if (setup->never_lower) flags |= PE_DEVICE_FLAG_NEVER_LOWER;
  for (const pe_engine_t *const *engine = setup->policy.engines; *engine != NULL; engine++) {
    flags |= (*engine)->kind == PE_PAYLOAD_TABLE ? PE_DEVICE_FLAG_RUNS_TABLES : PE_DEVICE_FLAG_RUNS_MODULES;
  }
  // In the order of DEVICE in protocol.ts.
  const uint32_t device[PE_DEVICE_BYTES / WORD_BYTES] = {
      PE_PROTOCOL_VERSION,
      PE_AGENT_BODY_BYTES,
      flags,
      setup->policy.target_class,
      pe_slots_slot_bytes(slots),
      setup->policy.memory_bytes,
      slots->running,
      slots->running_version,
      runs ? runner->model.identity : 0u,
      slots->running_crc,
      runs ? runner->model.input_count : 0u,
      runs ? runner->model.output_count : 0u,
      runs ? runner->model.golden_count : 0u,
      pe_slots_sequence(slots),
  };
  memcpy(body, device, sizeof device);
  *bytes = PE_DEVICE_BYTES;
  if (!runs) return PE_UPDATE_OK;
  for (const char *c = runner->model.name; *c != '\0' && *bytes < PE_AGENT_BODY_BYTES; c++) body[(*bytes)++] = (uint8_t)*c;
  return PE_UPDATE_OK;
}

// Whether what the request asks for is permitted, by what follows the first `from` bytes of its body (protocol.ts, permits).
// `crc`: of the image that is to come.
static pe_update_result_t check_permit(const pe_agent_t *agent, const request_t *request, uint32_t from, uint32_t crc) {
  const pe_slots_t *slots = &agent->runner->slots;
  const uint8_t *key = slots->policy->key;
  const uint8_t *permit = request->body + from;
  const uint32_t bytes = request->body_bytes - from;
  if (bytes < WORD_BYTES) return PE_UPDATE_REQUEST;
  if (pe_load_u32(permit) != pe_slots_sequence(slots)) return PE_UPDATE_TAKEN;
  if (key == NULL) return PE_UPDATE_OK;
  if (bytes != WORD_BYTES + PE_SIGNATURE_BYTES) return PE_UPDATE_UNSIGNED;
  const uint32_t words[] = {PE_PERMIT_MAGIC, request->command, pe_load_u32(permit), slots->running_crc, crc};
  uint8_t message[sizeof words];
  memcpy(message, words, sizeof message);
  return pe_signature_check(permit + WORD_BYTES, key, message, sizeof message) ? PE_UPDATE_OK : PE_UPDATE_SIGNATURE;
}

static pe_update_result_t begin(pe_agent_t *agent, const request_t *request, uint8_t *body, uint32_t *bytes) {
  uint32_t offset = 0;
  const uint32_t fixed = 3u * WORD_BYTES;
  if (request->body_bytes < fixed) return PE_UPDATE_REQUEST;
  const uint32_t crc = pe_load_u32(request->body + WORD_BYTES);
  const bool force = (pe_load_u32(request->body + 2u * WORD_BYTES) & PE_BEGIN_FLAG_FORCE) != 0u;
  pe_update_result_t result = force ? check_permit(agent, request, fixed, crc) : PE_UPDATE_OK;
  if (result == PE_UPDATE_OK) {
    result = pe_slots_begin(&agent->runner->slots, pe_load_u32(request->body), crc, force, &offset);
  }
  pe_store_u32(body, offset);
  *bytes = WORD_BYTES;
  return result;
}

// Whether the transfer is the one that the request is about.
static pe_update_result_t check_transfer(const pe_slots_t *slots, const request_t *request) {
  if (request->body_bytes < WORD_BYTES) return PE_UPDATE_REQUEST;
  if (slots->total == 0u) return PE_UPDATE_STATE;
  return pe_load_u32(request->body) == slots->expected_crc ? PE_UPDATE_OK : PE_UPDATE_TAKEN;
}

static pe_update_result_t data(pe_agent_t *agent, const request_t *request, uint8_t *body, uint32_t *bytes) {
  const uint32_t fixed = 2u * WORD_BYTES;
  pe_slots_t *slots = &agent->runner->slots;
  pe_update_result_t result = request->body_bytes < fixed ? PE_UPDATE_REQUEST : check_transfer(slots, request);
  if (result == PE_UPDATE_OK) {
    result = pe_slots_data(slots, pe_load_u32(request->body + WORD_BYTES), request->body + fixed,
                           request->body_bytes - fixed);
  }
  pe_store_u32(body, slots->received);
  *bytes = WORD_BYTES;
  return result;
}

static pe_update_result_t status(const pe_agent_t *agent, uint8_t *body, uint32_t *bytes) {
  const pe_slots_t *slots = &agent->runner->slots;
  pe_store_u32(body, slots->total);
  pe_store_u32(body + WORD_BYTES, slots->received);
  pe_store_u32(body + 2u * WORD_BYTES, slots->expected_crc);
  *bytes = 3u * WORD_BYTES;
  return PE_UPDATE_OK;
}

// The end of FINISH, ROLLBACK and GOLDEN.
static pe_update_result_t tell_detail(const pe_agent_t *agent, pe_update_result_t result, uint8_t *body,
                                      uint32_t *bytes) {
  pe_store_u32(body, (uint32_t)agent->runner->detail);
  pe_store_u32(body + WORD_BYTES, agent->runner->slots.running);
  *bytes = 2u * WORD_BYTES;
  return result;
}

static pe_update_result_t finish(pe_agent_t *agent, const request_t *request) {
  pe_runner_t *runner = agent->runner;
  runner->detail = PE_OK;
  const pe_update_result_t result = check_transfer(&runner->slots, request);
  return result == PE_UPDATE_OK ? pe_runner_finish(runner) : result;
}

static pe_update_result_t rollback(pe_agent_t *agent, const request_t *request) {
  agent->runner->detail = PE_OK;
  const pe_update_result_t result = check_permit(agent, request, 0, 0);
  return result == PE_UPDATE_OK ? pe_runner_rollback(agent->runner) : result;
}

static pe_update_result_t golden(pe_agent_t *agent) {
  pe_runner_t *runner = agent->runner;
  if (runner->slots.running == PE_SLOT_NONE) return PE_UPDATE_NO_MODEL;
  runner->detail = pe_self_test(&runner->pe);
  return runner->detail == PE_OK ? PE_UPDATE_OK : PE_UPDATE_GOLDEN;
}

// As many points as there are; each answered by its result and its output words.
static pe_update_result_t evaluate(pe_agent_t *agent, const request_t *request, uint8_t *body, uint32_t *bytes) {
  // Words of one point; the outputs take the place of the inputs.
  int32_t words[PE_AGENT_BODY_BYTES / WORD_BYTES];
  pe_runner_t *runner = agent->runner;
  if (runner->slots.running == PE_SLOT_NONE) return PE_UPDATE_NO_MODEL;
  const uint32_t inputs = runner->model.input_count;
  const uint32_t outputs = runner->model.output_count;
  const uint32_t points = request->body_bytes / (WORD_BYTES * inputs);
  // Both counts are at most 65535, and a body is short.
  if (points == 0u || points * WORD_BYTES * inputs != request->body_bytes ||
      points * WORD_BYTES * (1u + outputs) > PE_AGENT_BODY_BYTES) {
    return PE_UPDATE_REQUEST;
  }
  const uint8_t *from = request->body;
  uint8_t *to = body;
  for (uint32_t p = 0; p < points; p++) {
    memcpy(words, from, WORD_BYTES * inputs);
    from += WORD_BYTES * inputs;
    const pe_result_t result = pe_run_words(&runner->pe, words, words);
    pe_store_u32(to, (uint32_t)result);
    if (result < 0) memset(words, 0, WORD_BYTES * outputs);
    memcpy(to + WORD_BYTES, words, WORD_BYTES * outputs);
    to += WORD_BYTES * (1u + outputs);
  }
  *bytes = (uint32_t)(to - body);
  return PE_UPDATE_OK;
}

static pe_update_result_t execute(pe_agent_t *agent, const request_t *request, uint8_t *body, uint32_t *bytes) {
  *bytes = 0;
  if (request->body_bytes > PE_AGENT_BODY_BYTES) return PE_UPDATE_REQUEST;
  switch (request->command) {
    case PE_COMMAND_HELLO:
      return hello(agent, body, bytes);
    case PE_COMMAND_BEGIN:
      return begin(agent, request, body, bytes);
    case PE_COMMAND_DATA:
      return data(agent, request, body, bytes);
    case PE_COMMAND_FINISH:
      return tell_detail(agent, finish(agent, request), body, bytes);
    case PE_COMMAND_STATUS:
      return status(agent, body, bytes);
    case PE_COMMAND_ROLLBACK:
      return tell_detail(agent, rollback(agent, request), body, bytes);
    case PE_COMMAND_EVALUATE:
      return evaluate(agent, request, body, bytes);
    case PE_COMMAND_GOLDEN:
      return tell_detail(agent, golden(agent), body, bytes);
    case PE_COMMAND_ABORT:
      pe_slots_abort(&agent->runner->slots);
      return PE_UPDATE_OK;
    default:
      return PE_UPDATE_REQUEST;
  }
}

// ---- The stream -----------------------------------------------------------------------------------------------------

static void send(pe_agent_t *agent, const uint8_t *bytes, uint32_t count) {
  agent->sending = bytes;
  agent->to_send = count;
}

// Answers the frame in `request`, without its zero bytes.
static void answer(pe_agent_t *agent) {
  const uint32_t count = agent->received <= sizeof agent->request ? decode(agent->request, agent->received) : 0u;
  const uint8_t *packet = agent->request;
  const uint32_t body_end = count < CRC_BYTES ? 0u : count - CRC_BYTES;
  if (body_end < AT_REQUEST_BODY || pe_load_u32(packet + body_end) != pe_crc32(packet, body_end)) {
    send(agent, agent->damaged, sizeof agent->damaged);
    return;
  }
  // An answer, of another device or of this one by an echo: whoever answers it would be answered again.
  if ((packet[AT_COMMAND] & PE_ANSWER) != 0u) return;
  const uint32_t sequence = pe_load_u32(packet);
  const uint32_t crc = pe_load_u32(packet + body_end);
  if (agent->answer_bytes == 0u || sequence != agent->answered_sequence || crc != agent->answered_crc) {
    const request_t request = {packet[AT_COMMAND], packet + AT_REQUEST_BODY, body_end - AT_REQUEST_BODY};
    uint8_t *out = answer_packet(agent);
    uint32_t body_bytes = 0;
    const pe_update_result_t result = execute(agent, &request, out + AT_ANSWER_BODY, &body_bytes);
    pe_store_u32(out, sequence);
    out[AT_COMMAND] = (uint8_t)(request.command | PE_ANSWER);
    out[AT_RESULT] = (uint8_t)result;
    agent->answer_bytes = seal(agent->answer, AT_ANSWER_BODY + body_bytes);
    agent->answered_sequence = sequence;
    agent->answered_crc = crc;
  }
  send(agent, agent->answer, agent->answer_bytes);
}

void pe_agent_init(pe_agent_t *agent, pe_runner_t *runner, const pe_stream_t *stream) {
  memset(agent, 0, sizeof *agent);
  agent->runner = runner;
  agent->stream = stream;
  uint8_t *packet = answer_packet(agent);
  packet[AT_COMMAND] = (uint8_t)(PE_COMMAND_DAMAGED | PE_ANSWER);
  packet[AT_RESULT] = (uint8_t)PE_UPDATE_REQUEST;
  (void)seal(agent->answer, AT_ANSWER_BODY);
  memcpy(agent->damaged, agent->answer, sizeof agent->damaged);
}

void pe_agent_poll(pe_agent_t *agent) {
  const pe_stream_t *stream = agent->stream;
  uint8_t byte;
  bool answered = false;
  for (;;) {
    while (agent->to_send > 0u) {
      if (!stream->put(stream->context, *agent->sending)) return;
      agent->sending++;
      agent->to_send--;
    }
    // One request at a time, however many wait: the application's own work comes in between.
    if (answered || !stream->get(stream->context, &byte)) return;
    if (byte != 0u) {
      if (agent->received < sizeof agent->request) agent->request[agent->received] = byte;
      if (agent->received <= sizeof agent->request) agent->received++;
    } else if (agent->received > 0u) {
      answer(agent);
      agent->received = 0;
      answered = true;
    }
  }
}
