// The update agent: any bytes from the host, and requests that are framed and have a right CRC-32, so that updates go on
// to their end; the power fails in between.
//
//     0 options | 1 length of an image (u16) | 3 image | then operations
#include "device.h"
#include "pe_agent.h"

typedef struct {
  const uint8_t *bytes;
  size_t left;
} input_t;

typedef struct {
  device_t device;
  pe_agent_t agent;
  uint8_t line[4096];  // to the device
  uint32_t line_start;
  uint32_t line_end;
  uint32_t sent;  // by the device
  uint32_t sequence;
} host_t;

static uint8_t take(input_t *input) {
  if (input->left == 0) return 0;
  input->left--;
  return *input->bytes++;
}

static bool get(void *context, uint8_t *byte) {
  host_t *host = (host_t *)context;
  if (host->line_start == host->line_end) return false;
  *byte = host->line[host->line_start++];
  return true;
}

// Now and then there is no room.
static bool put(void *context, uint8_t byte) {
  host_t *host = (host_t *)context;
  (void)byte;
  return ++host->sent % 7u != 0u;
}

static void send(host_t *host, uint8_t byte) {
  if (host->line_end < sizeof host->line) host->line[host->line_end++] = byte;
}

static void poll(host_t *host) {
  // A poll ends where there is no room for a byte of an answer.
  for (uint32_t i = 0; i < 4096u && (i == 0u || host->line_start != host->line_end || host->agent.to_send > 0u); i++) {
    pe_agent_poll(&host->agent);
  }
  MUST(host->line_start == host->line_end && host->agent.to_send == 0u);
  host->line_start = host->line_end = 0;
}

// One packet, consistent overhead byte stuffing.
static void send_packet(host_t *host, const uint8_t *packet, uint32_t bytes) {
  send(host, 0);
  for (uint32_t from = 0;;) {
    uint32_t run = 0;
    while (from + run < bytes && run < 254u && packet[from + run] != 0u) run++;
    send(host, (uint8_t)(run + 1u));
    for (uint32_t i = 0; i < run; i++) send(host, packet[from + i]);
    from += run;
    if (from == bytes) break;
    if (run < 254u) {
      from++;
      if (from == bytes) {
        send(host, 1);
        break;
      }
    }
  }
  send(host, 0);
  poll(host);
}

static void request(host_t *host, uint8_t command, const uint8_t *body, uint32_t bytes) {
  uint8_t packet[1024];
  if (bytes > sizeof packet - 9u) bytes = sizeof packet - 9u;
  fuzz_put_u32(packet, ++host->sequence);
  packet[4] = command;
  memcpy(packet + 5, body, bytes);
  fuzz_put_u32(packet + 5 + bytes, fuzz_crc32(packet, 5u + bytes));
  send_packet(host, packet, 9u + bytes);
}

static void send_data(host_t *host, const uint8_t *image, uint32_t image_bytes, uint32_t bytes) {
  uint8_t body[8u + 512u];
  const uint32_t offset = host->device.runner.slots.received;
  if (offset >= image_bytes) return;
  if (bytes > image_bytes - offset) bytes = image_bytes - offset;
  if (bytes > 512u) bytes = 512u;
  fuzz_put_u32(body, host->device.runner.slots.expected_crc);
  fuzz_put_u32(body + 4, offset);
  memcpy(body + 8, image + offset, bytes);
  request(host, PE_COMMAND_DATA, body, 8u + bytes);
}

static void operate(host_t *host, input_t *input, const uint8_t *image, uint32_t image_bytes) {
  uint8_t body[256];
  const uint8_t operation = take(input);
  const uint32_t bytes = operation % 12u == 0u || operation % 12u == 1u ? take(input) : 0u;
  for (uint32_t i = 0; i < bytes; i++) body[i] = take(input);
  switch (operation % 12u) {
    case 0:
      for (uint32_t i = 0; i < bytes; i++) send(host, body[i]);
      poll(host);
      break;
    case 1:
      request(host, take(input), body, bytes);
      break;
    case 2:
      fuzz_put_u32(body, image_bytes);
      fuzz_put_u32(body + 4, image_bytes >= PE_IMAGE_HEADER_BYTES ? fuzz_u32(image + PE_IMAGE_HEADER_CRC) : 0u);
      fuzz_put_u32(body + 8, take(input));
      fuzz_put_u32(body + 12, pe_slots_sequence(&host->device.runner.slots));
      request(host, PE_COMMAND_BEGIN, body, 16);
      break;
    case 3:
      send_data(host, image, image_bytes, 1u + 3u * take(input));
      break;
    case 4:
      while (host->device.runner.slots.total == image_bytes && host->device.runner.slots.received < image_bytes) {
        send_data(host, image, image_bytes, 500);
      }
      break;
    case 5:
      fuzz_put_u32(body, host->device.runner.slots.expected_crc);
      request(host, PE_COMMAND_FINISH, body, 4);
      break;
    case 6:
      fuzz_put_u32(body, pe_slots_sequence(&host->device.runner.slots));
      request(host, PE_COMMAND_ROLLBACK, body, 4);
      break;
    case 7:
      memset(body, take(input), 16);
      request(host, PE_COMMAND_EVALUATE, body, 4u * (1u + take(input) % 4u));
      break;
    case 8:
      request(host, PE_COMMAND_GOLDEN, body, 0);
      break;
    case 9:
      request(host, PE_COMMAND_HELLO, body, 0);
      break;
    case 10:  // the power fails, now or at a write or erase that is to come
      host->device.flash.cut_at = host->device.flash.operations + 1u + take(input) % 32u;
      host->device.flash.cut = (cut_t)(take(input) % CUT_KINDS);
      break;
    default: {
      const pe_stream_t *stream = host->agent.stream;
      device_start(&host->device);
      pe_agent_init(&host->agent, &host->device.runner, stream);
    }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 3u) return 0;
  input_t input = {data + 3, size - 3u};
  uint32_t image_bytes = (uint32_t)data[1] | (uint32_t)data[2] << 8;
  if (image_bytes > input.left) image_bytes = (uint32_t)input.left;
  uint8_t *image = (uint8_t *)malloc(image_bytes > 0u ? image_bytes : 1u);
  host_t *host = (host_t *)calloc(1, sizeof *host);
  if (image == NULL || host == NULL) abort();
  memcpy(image, input.bytes, image_bytes);
  if ((data[0] & 1u) == 0u) fuzz_fix_image(image, image_bytes);
  input.bytes += image_bytes;
  input.left -= image_bytes;

  const pe_stream_t stream = {host, get, put};
  device_create(&host->device, (data[0] & 2u) != 0u ? 8u : 64u, (data[0] & 4u) != 0u);
  device_start(&host->device);
  pe_agent_init(&host->agent, &host->device.runner, &stream);
  for (uint32_t i = 0; input.left > 0 && i < 64u; i++) operate(host, &input, image, image_bytes);
  device_start(&host->device);
  device_destroy(&host->device);
  free(host);
  free(image);
  return 0;
}
