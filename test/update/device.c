// A device on this machine: the real agent, runner, slots and wasm3, its flash in a file, its UART on a TCP port.
//
//   device FLASH_FILE CLASS KEY BUILT_IN SLOT_KB ARENA
//
// Compiled with ENGINES defined as the engines that it has, each after an "&".
//
// FLASH_FILE is created when it is not there; a killed process leaves it as a chip's flash is left without power.
// KEY: 64 hexadecimal digits, or "-". BUILT_IN: an image for the model in the firmware, or "-". Prints "port N", then
// one line for every change of what runs. Evaluates the running model's golden vectors all the time, as an application
// would, and ends with 1 when an answer is wrong.
#define _DEFAULT_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nor_flash.h"
#include "pe_agent.h"

#define SECTOR_BYTES 4096u
#define PROGRAM_BYTES 16u
#define CAPACITY 16u

static pe_input_spec_t inputs[CAPACITY], built_in_inputs[CAPACITY];
static pe_output_spec_t outputs[CAPACITY], built_in_outputs[CAPACITY];
static const pe_engine_t *const engines[] = {ENGINES, NULL};
static pe_model_t built_in;
static pe_runner_setup_t setup;
static pe_runner_t runner;
static pe_agent_t agent;
static nor_t nor;
static uint8_t key[PE_PUBLIC_KEY_BYTES];
static int connection = -1;

static bool get(void *context, uint8_t *byte) {
  (void)context;
  if (connection < 0) return false;
  const ssize_t count = read(connection, byte, 1);
  if (count == 1) return true;
  if (count == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) {
    (void)close(connection);
    connection = -1;
  }
  return false;
}

static bool put(void *context, uint8_t byte) {
  (void)context;
  // What is sent while nobody listens is lost, as on a UART.
  if (connection < 0) return true;
  return send(connection, &byte, 1, MSG_NOSIGNAL) == 1 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

static uint8_t *map_file(const char *path, uint32_t *bytes, bool is_flash) {
  const int file = open(path, is_flash ? O_RDWR | O_CREAT : O_RDONLY, 0600);
  if (file < 0) exit(3);
  const off_t old = lseek(file, 0, SEEK_END);
  if (!is_flash) *bytes = (uint32_t)old;
  if (is_flash && old == 0 && ftruncate(file, (off_t)*bytes) != 0) exit(3);
  void *memory = mmap(NULL, *bytes, PROT_READ | PROT_WRITE, is_flash ? MAP_SHARED : MAP_PRIVATE, file, 0);
  if (memory == MAP_FAILED) exit(3);
  if (is_flash && old == 0) memset(memory, 0xff, *bytes);
  (void)close(file);
  return (uint8_t *)memory;
}

static int listen_anywhere(void) {
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  const int server = socket(AF_INET, SOCK_STREAM, 0);
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (server < 0 || bind(server, (struct sockaddr *)&address, length) != 0 || listen(server, 1) != 0) exit(3);
  if (getsockname(server, (struct sockaddr *)&address, &length) != 0) exit(3);
  (void)fcntl(server, F_SETFL, O_NONBLOCK);
  printf("port %u\n", (unsigned)ntohs(address.sin_port));
  return server;
}

static void tell(void) {
  static uint32_t last_slot = 99, last_crc = 99;
  if (runner.slots.running == last_slot && runner.slots.running_crc == last_crc) return;
  last_slot = runner.slots.running;
  last_crc = runner.slots.running_crc;
  printf("runs %s in slot %u\n", last_slot == PE_SLOT_NONE ? "nothing" : runner.model.name, (unsigned)last_slot);
  (void)fflush(stdout);
}

int main(int argc, char **argv) {
  pe_image_t image;
  if (argc < 7) return 3;
  const uint32_t slot_sectors = (uint32_t)atoi(argv[5]) * 1024u / SECTOR_BYTES;
  nor_create(&nor, SECTOR_BYTES, PROGRAM_BYTES, slot_sectors);
  free(nor.bytes);
  nor.bytes = map_file(argv[1], &nor.size, true);
  nor.port.memory = nor.bytes;
  setup.flash = &nor.port;
  setup.policy.target_class = (uint32_t)strtoul(argv[2], NULL, 10);
  setup.policy.engines = engines;
  setup.policy.input_capacity = CAPACITY;
  setup.policy.output_capacity = CAPACITY;
  setup.policy.memory_bytes = (uint32_t)atoi(argv[6]);
  setup.arena = malloc(setup.policy.memory_bytes);
  setup.inputs = inputs;
  setup.outputs = outputs;
  if (strcmp(argv[4], "-") != 0) {
    uint32_t bytes = 0;
    const uint8_t *file = map_file(argv[4], &bytes, false);
    if (pe_image_check(&image, file, bytes, &setup.policy) != PE_UPDATE_OK) return 3;
    pe_image_model(&image, built_in_inputs, built_in_outputs, &built_in);
    setup.built_in = &built_in;
    setup.built_in_version = image.version;
  }
  if (strcmp(argv[3], "-") != 0) {
    for (unsigned i = 0; i < 32u; i++) {
      unsigned value = 0;
      (void)sscanf(argv[3] + 2u * i, "%2x", &value);
      key[i] = (uint8_t)value;
    }
    setup.policy.key = key;
  }
  const int server = listen_anywhere();
  (void)pe_runner_start(&runner, &setup);
  tell();
  const pe_stream_t stream = {NULL, get, put};
  pe_agent_init(&agent, &runner, &stream);
  for (;;) {
    struct pollfd ready[2] = {{server, POLLIN, 0}, {connection, POLLIN, 0}};
    (void)poll(ready, connection < 0 ? 1 : 2, 20);
    if (connection < 0) {
      connection = accept(server, NULL, NULL);
      if (connection >= 0) (void)fcntl(connection, F_SETFL, O_NONBLOCK);
    }
    pe_agent_poll(&agent);
    tell();
    if (runner.slots.running != PE_SLOT_NONE && pe_self_test(&runner.pe) != PE_OK) return 1;
  }
}
