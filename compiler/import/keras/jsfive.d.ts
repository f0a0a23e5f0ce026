/** The part of jsfive (https://github.com/usnistgov/jsfive) that is used here; the package has no types of its own. */
declare module 'jsfive' {
  /** The header of an object: messages by their type, with their places in the file. */
  interface DataObjects {
    find_msg_type(type: number): Map<'offset_to_message', number>[];
  }

  export class Group {
    readonly name: string;
    readonly keys: string[];
    readonly attrs: Record<string, unknown>;
    readonly _dataobjects: DataObjects;
    get(path: string): Group | Dataset | null;
  }

  export class Dataset {
    readonly name: string;
    readonly shape: number[];
    readonly dtype: unknown;
    readonly value: ArrayLike<unknown>;
    readonly attrs: Record<string, unknown>;
  }

  export class File extends Group {
    constructor(bytes: ArrayBuffer, name?: string);
  }
}
