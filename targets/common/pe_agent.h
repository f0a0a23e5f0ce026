// The update agent: answers a host over any stream of bytes (a UART, a socket), so that models are replaced, evaluated
// and rolled back while the application goes on. The protocol is drawn in compiler/deliver/device/protocol.ts and docs/updates.md.
//
//     static pe_agent_t agent;
//     pe_agent_init(&agent, &runner, &stream);
//     for (;;) {
//       pe_agent_poll(&agent);
//       ... the application's own work: pe_eval(&runner.pe, ...)
//     }
//
// Never waits for the stream. A poll takes as long as what it was asked for: at most one evaluation request, the erasing
// of a sector, or, at the end of an update, the checks, the opening and the golden vectors of a model.
//
// No heap, no global variables; pe_agent_t holds one request and one answer.
#ifndef PE_AGENT_H
#define PE_AGENT_H

#include "pe_agent.gen.h"
#include "pe_runner.h"

#ifdef __cplusplus
extern "C" {
#endif

// Longest body of a request or an answer. Must hold the name of a model after the description of the device, and one
// point's input words.
#ifndef PE_AGENT_BODY_BYTES
#define PE_AGENT_BODY_BYTES PE_BODY_BYTES
#endif

// A packet as it is sent: COBS adds a byte, and one more per 254, and a zero byte stands at either end.
#define PE_AGENT_FRAME_BYTES(packet_bytes) ((packet_bytes) + 1u + (packet_bytes) / 254u + 2u)
#define PE_AGENT_BUFFER_BYTES PE_AGENT_FRAME_BYTES(PE_AGENT_BODY_BYTES + PE_PACKET_OVERHEAD)

// Neither function may wait.
typedef struct {
  void *context;
  bool (*get)(void *context, uint8_t *byte);  // the next byte received; false when there is none
  bool (*put)(void *context, uint8_t byte);   // takes a byte to be sent; false when there is no room now
} pe_stream_t;

// The members are the library's own.
typedef struct {
  pe_runner_t *runner;
  const pe_stream_t *stream;
  uint8_t request[PE_AGENT_BUFFER_BYTES];
  uint32_t received;  // bytes of the frame on its way; more than the buffer holds: too long
  uint8_t answer[PE_AGENT_BUFFER_BYTES];  // the last answer as it was sent, for when its request comes again
  uint32_t answer_bytes;                  // 0: none yet
  uint32_t answered_crc;                  // of the request that it answers, and its sequence number
  uint32_t answered_sequence;
  uint8_t damaged[PE_AGENT_FRAME_BYTES(PE_PACKET_OVERHEAD)];  // what is said to a damaged packet
  const uint8_t *sending;
  uint32_t to_send;
} pe_agent_t;

// `runner` was started, whether or not it found a model; it and `stream` must stay valid.
void pe_agent_init(pe_agent_t *agent, pe_runner_t *runner, const pe_stream_t *stream);

// Sends what is to be sent, takes what was received, and answers it.
void pe_agent_poll(pe_agent_t *agent);

#ifdef __cplusplus
}
#endif

#endif
