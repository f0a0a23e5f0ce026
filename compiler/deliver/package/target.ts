/** A board and how pinn-edge builds for it; targets/target.schema.json describes every field with its unit. */
export interface Target {
  name: string;
  description: string;
  chip: string;
  isa: string;
  /** Compiler flags that select the instruction set. */
  flags: string[];
  fpu: 'none' | 'single' | 'double';
  tailCalls: boolean;
  /** Whether constants, the module among them, take RAM instead of flash. */
  constantsInRam?: boolean;
  flashBytes: number;
  ramBytes: number;
  ramBlockBytes: number;
  nativeStackBytes: number;
  defaultStackBytes: number;
  clockHz?: number;
  /** The interpreter; absent where there is no room for it. */
  wasm3?: { version: string; stackBytes: number; codePageBytes: number };
  /** Of C's double; 64 where nothing is said. */
  doubleBits?: 32 | 64;
  projects: TargetProject[];
  toolchain: string;
  /** The C compiler of the bare-metal project. */
  compiler?: {
    command: string;
    linkFlags: string[];
    packages: string[];
    /** Whose start-up code and linker script: the project's where nothing is said. */
    start?: 'project' | 'toolchain';
    /** For kernels instead of -O3. */
    kernelFlags?: string[];
  };
  flashTools: FlashTool[];
  /** `command` is rp2040js or avr8js for the emulators that are part of pinn-edge. */
  emulator?: { command: string; package: string; counts?: 'instructions' | 'cycles' };
  source: Record<string, string>;
}

/** A firmware project that builds for the target contain. */
export interface TargetProject {
  /** Folder inside the build's `firmware/`. */
  name: string;
  /** Folder of the template inside `targets/`. */
  template: string;
  /** Further folders inside `targets/` whose files the project contains. */
  shared?: string[];
  /** Where the firmware library goes inside the project, and where pinn_model.h goes. */
  libraryFolder: string;
  headerFolder: string;
  /** Where wasm3's sources go; absent where the project's tool fetches them. */
  wasm3Folder?: string;
  /** What the template's `@name@` stand for, besides the target's own fields. */
  values?: Record<string, string>;
}

/** A program that writes a whole firmware to the target. */
export interface FlashTool {
  name: string;
  /** The project inside the build's `firmware/` whose image it writes. */
  project: string;
  /** The project with the update agent, of which the tool takes the same files; absent where there is none. */
  updateProject?: string;
  /** Command line that makes `image`, run in the project's folder; absent when the tool does it itself. */
  build?: string;
  /** The file to write, inside the project's folder. */
  image?: string;
  command: string;
  /** With {port} for the serial port, {project} for the project's folder and {image} for the file. */
  arguments: string[];
  install: string;
}
